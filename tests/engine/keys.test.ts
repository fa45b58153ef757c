import type { AgentId, Scope } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import { openWorld, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const limited = (more: Partial<Caller>): Caller => ({ ...world.caller, ...more });

test("a key can make no key that may do more than itself", async () => {
  const agent = await world.agent();
  const other = await world.agent();
  const { organizationId } = world.caller;
  const make = (maker: Caller, scopes: Scope[], agentIds?: AgentId[]) =>
    world.gateway.createKey(organizationId, { name: "made", scopes, ...(agentIds === undefined ? {} : { agentIds }) }, maker);

  const reader = limited({ scopes: new Set<Scope>(["admin", "conversations:read"]) });
  await expect(make(reader, ["conversations:write"])).rejects.toMatchObject({ code: "missing_scope" });
  expect(await make(reader, ["conversations:read"])).toMatchObject({ scopes: ["conversations:read"], agentIds: null });

  const narrow = limited({ agentIds: new Set([agent.id]) });
  await expect(make(narrow, ["admin"])).rejects.toMatchObject({ code: "missing_scope" });
  await expect(make(narrow, ["admin"], [other.id as AgentId])).rejects.toMatchObject({ code: "missing_scope" });
  expect(await make(narrow, ["admin"], [agent.id as AgentId])).toMatchObject({ agentIds: [agent.id] });

  const unlimited = limited({ scopes: new Set<Scope>(["*"]) });
  expect(await make(unlimited, ["*"])).toMatchObject({ scopes: ["*"] });
  expect(await make(unlimited, ["mcp-client"])).toMatchObject({ scopes: ["mcp-client"] });
  await expect(make(reader, ["*"])).rejects.toMatchObject({ code: "missing_scope" });
  await expect(make(reader, ["mcp-client"])).rejects.toMatchObject({ code: "missing_scope" });
});

test("the scope of MCP clients stands alone", async () => {
  const { organizationId } = world.caller;
  const mixed = world.gateway.createKey(organizationId, { name: "mixed", scopes: ["mcp-client", "admin"] }, null);
  await expect(mixed).rejects.toMatchObject({ code: "invalid_input" });
});

test("a key authenticates until it is revoked, and its text is nowhere in the database", async () => {
  const { organizationId } = world.caller;
  const made = await world.gateway.createKey(organizationId, { name: "short-lived", scopes: ["conversations:read"] }, null);
  expect(await world.gateway.authenticate(made.apiKey ?? "")).toMatchObject({ organizationId, principalId: made.id });
  const rows = await world.sql.owner`select api_keys::text as row from api_keys`;
  expect(rows.map(({ row }) => row).join("\n")).not.toContain(made.apiKey?.slice(12));
  await world.gateway.revokeKey(organizationId, made.id, null);
  await expect
    .poll(
      () =>
        world.gateway.authenticate(made.apiKey ?? "").then(
          () => "in",
          (error) => error.code,
        ),
      { timeout: 6_000 },
    )
    .toBe("unauthenticated");
});
