import { at, type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";

let system: System;
let events: string;
beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 0 });
  events = await conversation();
}, 60_000);
afterAll(() => system.close());

/** A conversation of ours that nobody runs; where its events are. */
async function conversation(): Promise<string> {
  const agentId = await system.ours.newAgent();
  const { body } = await system.rest().call(`/v1/agents/${agentId}/invoke/async`, { body: { input: { text: "Hello" } } });
  return `/v1/agents/${agentId}/conversations/${String(at(body, "id"))}/events`;
}

async function ticketOf(apiKey: string, api = 0): Promise<string> {
  const { status, body } = await system.rest(api, apiKey).call("/api/tickets", { method: "POST" });
  expect([status, body]).toEqual([201, { ticket: expect.stringMatching(/^agt_/), expires_in: 60 }]);
  return String(at(body, "ticket"));
}

/** Opens the events without a header; what the answer's status is, and when it ends. */
async function open(path: string, api = 0): Promise<{ status: number; ended: Promise<string>; leave(): void }> {
  const leaving = new AbortController();
  const response = await fetch(`${system.apis[api]?.url}${path}`, { signal: leaving.signal });
  return { status: response.status, ended: response.text().catch(() => "left"), leave: () => leaving.abort() };
}

const reader = () => system.ours.newKey({ scopes: ["conversations:read"] });

test("a ticket that is used on two replicas at once lets one in", async () => {
  const ticket = await ticketOf(system.ours.apiKey);
  const opened = await Promise.all([0, 1, 0, 1].map((api) => open(`${events}?ticket=${ticket}`, api)));
  expect(opened.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401]);
  for (const { leave } of opened) leave();
});

test("a ticket of one replica opens a WebSocket of the other, once", async () => {
  const url = system.apis[1]?.url.replace("http", "ws");
  const ticket = await ticketOf(system.ours.apiKey, 0);
  const asking = () =>
    new Promise<string>((resolve) => {
      const socket = new WebSocket(`${url}/trpc?ticket=${ticket}`);
      socket.on("open", () => socket.send(JSON.stringify({ id: 1, method: "query", params: { path: "system.whoami" } })));
      socket.on("message", (data) => {
        resolve(String(at(JSON.parse(String(data)), "error", "data", "code") ?? "in"));
        socket.terminate();
      });
    });
  expect(await asking()).toBe("in");
  expect(await asking()).toBe("unauthenticated");
});

test("a ticket opens nothing but streams and files, and a key in an address opens nothing at all", async () => {
  const ticket = await ticketOf(system.ours.apiKey);
  expect((await open(`/v1/tasks?ticket=${ticket}`)).status).toBe(401);
  expect((await open(`${events}?token=${system.ours.apiKey}`)).status).toBe(401);
  expect((await open(`${events}?ticket=agt_nothing`)).status).toBe(401);
  const opened = await open(`${events}?ticket=${ticket}`);
  expect(opened.status).toBe(200);
  opened.leave();
});

test("a ticket gives what its credential may, and a stream that it opened ends when the credential is revoked", async () => {
  const key = await reader();
  const opened = await open(`${events}?ticket=${await ticketOf(key)}`, 1);
  expect(opened.status).toBe(200);
  const unused = await ticketOf(key);
  const listed = await system.rest().call("/trpc/key.list");
  const { id } = (at(listed.body, "result", "data", "items") as { id: string; prefix: string }[]).find(({ prefix }) =>
    key.startsWith(prefix),
  ) ?? { id: "" };
  const revokedMs = performance.now();
  await system.rest().call("/trpc/key.revoke", { body: { keyId: id } });
  expect(await opened.ended).toContain("unauthenticated");
  expect(performance.now() - revokedMs).toBeLessThan(5_500);
  expect((await open(`${events}?ticket=${unused}`)).status).toBe(401);
});

test("a rotated key's old secret is good for the overlap, then refused, on open streams within five seconds", async () => {
  const old = await reader();
  const listed = await system.rest().call("/trpc/key.list");
  const rows = at(listed.body, "result", "data", "items") as { id: string; prefix: string }[];
  const keyId = rows.find(({ prefix }) => old.startsWith(prefix))?.id ?? "";
  const read = async (api: number, key: string) => (await system.rest(api, key).call("/v1/tasks")).status;
  expect(await read(1, old)).toBe(200);
  const response = await fetch(`${system.apis[1]?.url}${events}`, { headers: { "x-api-key": old } });
  const ended = response.text();

  const rotate = (overlapSeconds: number) => system.rest().call("/trpc/key.rotate", { body: { keyId, overlapSeconds } });
  const rotated = at((await rotate(3)).body, "result", "data");
  const fresh = String(at(rotated, "apiKey"));
  const untilMs = Date.parse(String(at(rotated, "previousUntil")));
  expect([await read(0, old), await read(0, fresh), await read(1, fresh)]).toEqual([200, 200, 200]);
  expect(at((await system.rest(0, fresh).call("/trpc/system.whoami")).body, "result", "data", "principalId")).toBe(keyId);
  expect(await ended).toContain("unauthenticated");
  expect(Date.now()).toBeGreaterThan(untilMs - 50);
  expect(Date.now()).toBeLessThan(untilMs + 5_500);
  expect([await read(0, old), await read(1, old), await read(0, fresh)]).toEqual([401, 401, 200]);

  // Without an overlap the old one ends at once where it was rotated, and within the cache's time elsewhere.
  await rotate(0);
  expect(await read(0, fresh)).toBe(401);
  await expect.poll(() => read(1, fresh), { timeout: 5_000 }).toBe(401);
});

test("the operator may rotate a key; another organization's is not found", async () => {
  const headers = { "x-admin-secret": system.adminSecret };
  const listed = await system.rest().call("/trpc/key.list");
  const id = String(at(listed.body, "result", "data", "items", 0, "id"));
  const rotate = (organization_id: string) =>
    system.rest(0, null).call(`/admin/api-keys/${id}/rotate`, { headers, body: { organization_id, overlap_seconds: 600 } });
  const theirs = await system.newTenant("theirs");
  expect((await rotate(theirs.organizationId)).status).toBe(404);
  const { status, body } = await rotate(system.ours.organizationId);
  expect([status, at(body, "id")]).toEqual([200, id]);
  expect(String(at(body, "api_key"))).toMatch(/^agw_/);
});
