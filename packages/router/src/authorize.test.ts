import { EVERY_SCOPE, GatewayError, type RateBucket, SCOPES, type Scope } from "@parley/contracts";
import type { Caller, Gateway, Log } from "@parley/domain";
import { describe, expect, test } from "vitest";
import { appRouter } from "./app-router.ts";
import { toGatewayError } from "./error-shape.ts";
import { createCallerFactory } from "./procedure.ts";
import { ROUTES, type RouteName, routeRow } from "./registry.ts";
import { visitorWith } from "./testing/visitor-with.ts";

const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const callerWith = (scopes: readonly Scope[]): Caller => ({
  organizationId: "o",
  principalId: "p",
  scopes: new Set(scopes),
  agentIds: null,
});

/** A gateway that knows one caller and must not be asked for anything else. */
function gatewayOf(caller: Caller): { gateway: Gateway; asked: string[] } {
  const asked: string[] = [];
  const gateway = new Proxy({} as Gateway, {
    get: (_target, name) => async (credential: string) => {
      if (name !== "authenticate") asked.push(String(name));
      else if (credential !== "good") throw new GatewayError("unauthenticated");
      return caller;
    },
  });
  return { gateway, asked };
}

type Anything = Record<string, Record<string, (input: unknown) => Promise<unknown>>>;

async function codeOf(name: RouteName, credential: string | null, scopes: readonly Scope[], counted: RateBucket[] = []) {
  const { gateway, asked } = gatewayOf(callerWith(scopes));
  const [namespace = "", own = ""] = name.split(".");
  const procedures = createCallerFactory(appRouter)({
    ...{ gateway, log, visitor: visitorWith(gateway, credential, counted), idempotencyHeader: null },
    openStream: () => () => {},
  }) as unknown as Anything;
  try {
    await procedures[namespace]?.[own]?.({ nothing: "that fits" });
    return { code: "ok", asked };
  } catch (error) {
    return { code: toGatewayError(error).code, asked };
  }
}

const guarded = (Object.keys(ROUTES) as RouteName[]).filter((name) => routeRow(name).kind !== null && routeRow(name).scope !== "public");

describe.each(guarded)("%s", (name) => {
  const { scope } = routeRow(name);
  const enough = [scope].flat();

  test("is closed without a credential and with one that is not good", async () => {
    expect(await codeOf(name, null, [...SCOPES])).toEqual({ code: "unauthenticated", asked: [] });
    expect(await codeOf(name, "bad", [...SCOPES])).toEqual({ code: "unauthenticated", asked: [] });
  });

  test("is closed to a key that has every scope but its own, before its input is looked at", async () => {
    const others = SCOPES.filter((other) => !enough.includes(other));
    const code = scope === "authenticated" ? "ok" : "missing_scope";
    expect(await codeOf(name, "good", others)).toEqual({ code, asked: [] });
  });

  test.each(enough)("is open to a key with the scope %s alone, and to one that may do all", async (own) => {
    for (const scopes of [SCOPES.filter((one) => one === own), [EVERY_SCOPE] as const]) {
      expect(["ok", "invalid_input"]).toContain((await codeOf(name, "good", scopes)).code);
    }
  });
});

test.each(guarded)("%s counts in its bucket whatever is asked with a good credential, also without the scope", async (name) => {
  const counted: RateBucket[] = [];
  await codeOf(name, "good", [], counted);
  await codeOf(name, "good", [EVERY_SCOPE], counted);
  await codeOf(name, "bad", [EVERY_SCOPE], counted);
  expect(counted).toEqual([routeRow(name).rateLimit, routeRow(name).rateLimit]);
});

test("health asks for no credential", async () => {
  expect(await codeOf("system.health", null, [])).toEqual({ code: "ok", asked: [] });
});
