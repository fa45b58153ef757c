import { randomUUID } from "node:crypto";
import { MCP_SCOPE, SCOPES } from "@parley/contracts";
import { type RouteName, type RouteRow, routeRow } from "@parley/router";
import { type RestAnswer, type RestRequest, type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Document, type Operation, readDocument } from "../fuzz/document.ts";
import { validators } from "../fuzz/validators.ts";

/** All bounds of bodies, so that a small one is too large. */
const BYTES_MAX = 65_536;
const env = {
  LIMIT_BODY_BYTES_MAX: String(BYTES_MAX),
  LIMIT_MODEL_BODY_BYTES_MAX: String(BYTES_MAX),
  LIMIT_HOOK_BODY_BYTES_MAX: String(BYTES_MAX),
};

let system: System;
let document: Document;
let isDocumented: (operation: Operation, answer: RestAnswer) => boolean;
beforeAll(async () => {
  system = await startSystem({ env });
  document = await readDocument(system);
  const validatorOf = validators(document);
  isDocumented = ({ responses }, { status, body }) => {
    const schema = responses.get(status);
    return schema !== undefined && (schema === null || validatorOf(schema)(body));
  };
});
afterAll(() => system.close());

const rowOf = ({ id }: Operation): RouteRow => routeRow(id.replace(/\.\d+$/, "") as RouteName);
const whereOf = ({ method, path }: Operation): string => `${method} ${path}`;
/** All that keys may have; who comes by another way is known by what they send. */
const EVERY: string[] = [...SCOPES, MCP_SCOPE];

/** Needs no credential, or lets those in who pay; those tell what is missing in their own way. */
const PAID: ReadonlySet<string> = new Set(["public", "payment"]);

/** No such thing, of whatever kind. */
const pathOf = ({ path }: Operation): string => path.replace(/\{\w+\}/g, () => randomUUID());

async function call(operation: Operation, apiKey: string | null, request: RestRequest = {}): Promise<RestAnswer> {
  const headers = { accept: "application/json, text/event-stream", ...request.headers };
  return system.rest(0, apiKey).call(pathOf(operation), { method: operation.method, ...request, headers });
}

test("every route that needs a credential refuses those without a good one with 401, in its door's envelope", async () => {
  const before = await system.rowCounts();
  for (const operation of document.operations.filter(
    ({ id, ...one }) => !PAID.has(String(rowOf({ id, ...one }).scope)) && !/^(payment\.event|wallet\.voucher)\b/.test(id),
  )) {
    for (const key of [null, "agw_nobody"]) {
      const answer = await call(operation, key);
      expect([whereOf(operation), answer.status, isDocumented(operation, answer)]).toEqual([whereOf(operation), 401, true]);
    }
  }
  expect(await system.rowCounts()).toEqual(before);
});

test("every route that needs a scope refuses keys with all the others with 403, in its door's envelope", async () => {
  const keys = new Map<string, string>();
  for (const operation of document.operations) {
    const { scope } = rowOf(operation);
    const wanted: string[] = [scope].flat().filter((one) => EVERY.includes(one));
    if (wanted.length === 0) continue;
    const others = SCOPES.filter((one) => !wanted.includes(one));
    const named = others.join();
    keys.set(named, keys.get(named) ?? (await system.ours.newKey({ scopes: others })));
    const answer = await call(operation, keys.get(named) ?? "");
    expect([whereOf(operation), answer.status, isDocumented(operation, answer)]).toEqual([whereOf(operation), 403, true]);
  }
});

test.each([
  ["half of its JSON", 400, '{"input":{"text":"Hel'],
  ["one byte too many", 413, `"${"x".repeat(BYTES_MAX - 1)}"`],
])("every route that takes JSON refuses %s with %i, in its door's envelope", async (_what, status, body) => {
  const mcp = await system.ours.newKey({ scopes: [MCP_SCOPE] });
  const taking = document.operations.filter((one) => one.body !== null && !/^(hook|payment\.event)\b/.test(one.id));
  expect(taking.length).toBeGreaterThan(25);
  for (const operation of taking) {
    // What the path names is looked at first, where it can be no such thing.
    const key = rowOf(operation).scope === MCP_SCOPE ? mcp : system.ours.apiKey;
    const headers: Record<string, string> = operation.isAdmin ? { "x-admin-secret": system.adminSecret } : {};
    const answer = await call(operation, operation.isAdmin ? null : key, { body, headers });
    expect([whereOf(operation), [status, 404, 422].includes(answer.status), isDocumented(operation, answer), answer.status]).toEqual([
      whereOf(operation),
      true,
      true,
      answer.status,
    ]);
    if (!operation.path.includes("{")) expect([whereOf(operation), answer.status]).toEqual([whereOf(operation), status]);
  }
});
