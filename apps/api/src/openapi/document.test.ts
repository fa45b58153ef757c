import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROUTES, type RouteName, routeRow } from "@parley/router";
import { expect, test } from "vitest";
import { openapiDocument, openapiText } from "./document.ts";
import { docsPage, PAGE_POLICY } from "./page.ts";

type Operation = Record<string, unknown> & { operationId: string; responses: Record<string, unknown>; security: object[] };
const document = openapiDocument() as {
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    where: `${method.toUpperCase()} ${path.replace(/\{\w+\}/g, "{}")}`,
    ...operation,
  })),
);

test("docs/openapi.json is the document as it is: `npm run openapi` writes it", async () => {
  const kept = await readFile(join(import.meta.dirname, "..", "..", "..", "..", "docs", "openapi.json"), "utf8");
  expect(kept === openapiText()).toBe(true);
});

test("every route that plain HTTP has is in the document, and nothing else", () => {
  const routes = (Object.keys(ROUTES) as RouteName[]).flatMap((name) =>
    (routeRow(name).rest ?? []).map(
      ({ method, path }) =>
        `${method} ${path
          .replace(/\{\/\*\w+\}/g, "/{}")
          .replace(/(?<!\\)[:*]\w+/g, "{}")
          .replaceAll("\\:", ":")}`,
    ),
  );
  expect(operations.map(({ where }) => where).sort()).toEqual(routes.sort());
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
});

test("a route that needs a credential says so, and which refusals it may answer with", () => {
  for (const { where, operationId, security, responses } of operations) {
    const row = routeRow(operationId.replace(/\.\d+$/, "") as RouteName);
    // A signature is no scheme: it stands in a header of the delivery.
    const isOpen = row.scope === "public" || row.scope === "signature";
    expect([where, security.length === 0, isOpen || "401" in responses]).toEqual([where, isOpen, true]);
    expect([where, "429" in responses]).toEqual([where, row.rateLimit !== "none"]);
    expect([where, "500" in responses && "503" in responses]).toEqual([where, true]);
  }
});

test("what a call is paid with, and its receipt, stand in the heads that the document names", () => {
  const sold = JSON.stringify(document.paths["/api/v1/gateway"]);
  for (const name of ["X-Plugin-Id", "X-Payment-Method", "Payment-Authorization", "X-Session-Voucher"])
    expect(sold).toContain(`{"name":"${name}","in":"header"`);
  for (const name of ["Payment-Receipt", "X-Session-Remaining", "Idempotent-Replay"]) expect(sold).toContain(`"${name}":{"description"`);
});

test("a call for money is a problem of the payment standard, too, and nothing else is one", () => {
  const problems = Object.entries(document.components["responses"] ?? {}).filter(([, response]) =>
    JSON.stringify(response).includes("application/problem+json"),
  );
  const refused = operations.filter(({ responses }) =>
    problems.some(([name]) => JSON.stringify(responses["402"] ?? {}).includes(`/${name}"`)),
  );
  expect([problems.length, refused.map(({ where }) => where)]).toEqual([1, ["POST /api/v1/gateway"]]);
});

test("every reference leads somewhere", () => {
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/([^"]+)"/g)];
  expect(refs.length).toBeGreaterThan(100);
  for (const [whole, kind = "", name = ""] of refs) expect([whole, name in (document.components[kind] ?? {})]).toEqual([whole, true]);
});

test("the page has every route, runs nothing, loads nothing, and shows markup as text", () => {
  const page = docsPage({ ...document, info: { description: "<script>alert(1)</script>" } });
  for (const { operationId } of operations) expect(page).toContain(`id="${operationId}"`);
  expect(page).not.toMatch(/<script|\son\w+=|\ssrc=|href=["']?https?:|url\(|@import/i);
  expect(page).toContain("&lt;script&gt;");
  expect(PAGE_POLICY).toMatch(/^default-src 'none'; style-src 'sha256-/);
});
