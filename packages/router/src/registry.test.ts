import { MCP_SCOPE, SCOPES } from "@parley/contracts";
import type { AnyTRPCProcedure } from "@trpc/server";
import { describe, expect, test } from "vitest";
import { appRouter } from "./app-router.ts";
import { ROUTES, type RouteName, routeRow } from "./registry.ts";

const names = Object.keys(ROUTES) as RouteName[];
const rows = names.map((name) => [name, routeRow(name)] as const);

describe("the registry", () => {
  test("has a row for every procedure, of its kind and made from that row, and no procedure is missing", () => {
    // Typed as a tree, and kept flat, by path.
    const flat: object = appRouter._def.procedures;
    const procedures = Object.entries(flat) as [string, AnyTRPCProcedure][];
    expect(procedures.map(([path]) => path).sort()).toEqual(rows.flatMap(([name, { kind }]) => (kind === null ? [] : [name])).sort());
    for (const [path, { _def }] of procedures) {
      expect(_def.meta).toEqual({ route: path });
      expect(_def.type).toBe(routeRow(path as RouteName).kind);
    }
  });

  test("names each REST route once", () => {
    const routes = rows.flatMap(([, { rest = [] }]) => rest.map(({ method, path }) => `${method} ${path}`));
    expect(new Set(routes).size).toBe(routes.length);
  });

  test.each(rows)("%s says what a door must know", (name, row) => {
    for (const known of [row.scope].flat())
      expect([...SCOPES, MCP_SCOPE, "authenticated", "public", "admin_secret", "signature", "payment"]).toContain(known);
    expect(row.kind === null && row.rest === undefined).toBe(false);
    if (row.kind === "mutation") expect(row.mutating).toBe(true);
    if (row.kind === "query") expect(row.mutating).toBe(false);
    // What comes by a webhook is told by the name that its sender gave it, and what comes over A2A by what that has for it.
    const repeats = ["hook.receive", "payment.event"].includes(name) ? "delivery" : name.startsWith("a2a.") ? "own" : "key";
    expect(row.idempotency).toBe(row.mutating ? repeats : "natural");
    if (!row.mutating) expect(row.metering).toBe("none");
    if (row.metering !== "none") expect(row.rateLimit).toBe("turn");
    if (row.kind === "subscription") expect(row.attaches).toBe(true);
    if (row.scope !== "public") expect(row.rateLimit).not.toBe("none");
    if (row.mutating) for (const scope of [row.scope].flat()) expect(scope).not.toMatch(/:read$|^public$/);
  });
});
