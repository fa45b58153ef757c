import { randomUUID } from "node:crypto";
import { at, type System, startSystem, type Tenant } from "@parley/testkit";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EventStream, openEvents } from "./support/open-events.ts";

let system: System;
let agentId: string;
const opened: EventStream[] = [];
beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 2, env: { LIMIT_ACTIVITY_KEPT_MAX: "400" } });
  agentId = await system.ours.newAgent();
});
afterAll(async () => {
  for (const stream of opened) stream.cut();
  await system.close();
});

interface Listen {
  api?: number;
  after?: number | string;
  path?: string;
}

async function listen(apiKey: string | null = system.ours.apiKey, { api = 1, after, path }: Listen = {}): Promise<EventStream> {
  const stream = await openEvents(system.apis[api]?.url ?? "", apiKey, {
    ...(after !== undefined && { headers: { "last-event-id": String(after) } }),
    ...(path !== undefined && { path }),
  });
  opened.push(stream);
  return stream;
}

async function say(tenant: Tenant = system.ours, agent = agentId, message = "Hello") {
  const { status, body, text } = await system.rest(0, tenant.apiKey).call("/api/chat", {
    body: { message, agentId: agent, sessionKey: randomUUID() },
  });
  expect([status, text]).toEqual([200, expect.anything()]);
  return body as { conversationId: string; turnId: string; response: string };
}

const sentTo = (conversationId: string) => (data: Record<string, unknown>) => data["channelId"] === conversationId;
const idOf = (stream: EventStream, event: string): number => Number(stream.frames.findLast((frame) => frame.event === event)?.id);

/** Counting up by one from the first. */
const dense = (ids: number[]): number[] => ids.map((_, index) => Number(ids[0]) + index);

describe("a stream", () => {
  test("is one of events, begins with the time to wait before coming back, and with the number that it stands at", async () => {
    const stream = await listen();
    expect([stream.status, stream.headers.get("content-type")]).toEqual([200, expect.stringMatching(/^text\/event-stream/)]);
    await stream.hear("retry");
    const [first] = stream.frames;
    expect(first).toMatchObject({ event: "retry", data: "", id: expect.stringMatching(/^\d+$/) });
    const raw = await fetch(`${system.apis[0]?.url}/api/events`, { headers: { authorization: `Bearer ${system.ours.apiKey}` } });
    const reader = raw.body?.getReader();
    const chunk = await reader?.read();
    await reader?.cancel();
    expect(new TextDecoder().decode(chunk?.value)).toMatch(/^event: retry\ndata: \nid: \d+\nretry: 3000\n\n/);
  });

  test("of each replica tells the same, under the same numbers, whichever replica was asked to do it", async () => {
    const streams = await Promise.all([listen(system.ours.apiKey, { api: 0 }), listen(system.ours.apiKey, { api: 1 })]);
    const { conversationId } = await say();
    await Promise.all(streams.map((stream) => stream.hear("message:sent", sentTo(conversationId))));
    for (const stream of streams) expect(stream.ids()).toEqual(dense(stream.ids()));
    // What was done before is told late now and then: the stream that began first may have been told it, the other one not.
    const from = Math.max(...streams.map((stream) => idOf(stream, "retry"))) + 1;
    const [told, toldByOther] = streams.map((stream) =>
      stream.frames.filter(({ id, event }) => event !== "retry" && Number(id) >= from && Number(id) <= idOf(stream, "message:sent")),
    );
    expect(told?.map(({ event }) => event)).toEqual(expect.arrayContaining(["message:received", "message:sent"]));
    expect(told).toEqual(toldByOther);
  });

  test("that is silent is sent a ping before 20 s are over", async () => {
    const stream = await listen();
    await stream.hear("ping");
  });

  test("goes on through many calls at once", async () => {
    const stream = await listen();
    const said = await Promise.all(Array.from({ length: 8 }, () => say()));
    for (const { conversationId } of said) await stream.hear("message:sent", sentTo(conversationId));
    expect(stream.ids()).toEqual(dense(stream.ids()));
  });
});

describe("whoever comes back", () => {
  test("to another replica is told what happened meanwhile, once and in order, and then what happens", async () => {
    const first = await listen();
    const before = await say();
    await first.hear("message:sent", sentTo(before.conversationId));
    const seen = idOf(first, "message:sent");
    first.cut();
    const missed = await say();
    const second = await listen(system.ours.apiKey, { api: 0, after: seen });
    await second.hear("message:sent", sentTo(missed.conversationId));
    const live = await say();
    await second.hear("message:sent", sentTo(live.conversationId));
    expect(second.ids()[0]).toBe(seen + 1);
    expect(second.ids()).toEqual(dense(second.ids()));
    expect(second.frames.filter(({ event }) => event === "message:sent")).toHaveLength(2);
  });

  test("with a number that was never given is told what happens from now on", async () => {
    for (const after of ["999999999999", "x", "-1"]) {
      const stream = await listen(system.ours.apiKey, { after });
      expect(stream.status).toBe(200);
      const { conversationId } = await say();
      await stream.hear("message:sent", sentTo(conversationId));
    }
  });

  test("with one that is kept no more is told so, and goes on with the oldest that is kept", async () => {
    const stream = await listen();
    for (let turns = 0; idOf(stream, "message:sent") < 460 || turns === 0; turns += 8) {
      const said = await Promise.all(Array.from({ length: 8 }, () => say()));
      for (const { conversationId } of said) await stream.hear("message:sent", sentTo(conversationId));
    }
    const late = await listen(system.ours.apiKey, { after: 1 });
    const { keptAfter } = await late.hear("activity:trimmed");
    expect(keptAfter).toBeGreaterThan(1);
    await late.hear("message:sent");
    expect(late.ids()[0]).toBe(Number(keptAfter) + 1);
  });
});

describe("the relay", () => {
  test("may die in the middle: another one goes on, and no number is left out or given twice", async () => {
    const sql = postgres(system.ownerUrl, { max: 1, onnotice: () => undefined });
    try {
      const stream = await listen();
      const holder = async (): Promise<string> => {
        const [row] = await sql<{ holder: string }[]>`select holder from elections where name = 'relay' and until > now()`;
        return row?.holder ?? "";
      };
      const dead = await holder();
      const relaying = system.workers.find(({ process }) => dead.includes(`-${process.pid}-`));
      expect(relaying).toBeDefined();
      const keyNames = Array.from({ length: 40 }, () => randomUUID());
      const making = keyNames.map((name) => system.rest().call("/trpc/key.create", { body: { name, scopes: [] } }));
      await relaying?.kill("SIGKILL");
      const ids = (await Promise.all(making)).map(({ body }) => at(body, "result", "data", "id"));
      await expect.poll(holder, { timeout: 20_000 }).not.toBe(dead);
      await expect.poll(holder, { timeout: 20_000 }).not.toBe("");
      for (const id of ids) await stream.hear("audit:event", ({ metadata }) => at(metadata, "keyId") === id);
      const told = stream.frames
        .filter(({ event }) => event === "audit:event")
        .map(({ data }) => at(JSON.parse(data), "metadata", "keyId"));
      expect([...told].sort()).toEqual([...ids].sort());
      expect(stream.ids()).toEqual(dense(stream.ids()));
      await relaying?.restart();
    } finally {
      await sql.end();
    }
  });

  test("waits for a transaction that is still open, and tells what was committed meanwhile in its place", async () => {
    const sql = postgres(system.ownerUrl, { max: 1, onnotice: () => undefined });
    const stream = await listen();
    try {
      let said: { conversationId: string } | undefined;
      await sql.begin(async (tx) => {
        // It has written, so that nobody can know yet whether there is an event of it.
        await tx`update organizations set name = name where id = ${system.ours.organizationId}`;
        said = await say();
        expect(stream.frames.some(({ event }) => event === "message:sent")).toBe(false);
      });
      await stream.hear("message:sent", sentTo(said?.conversationId ?? ""));
    } finally {
      await sql.end();
    }
  });
});

describe("who sees what", () => {
  test("another organization sees nothing of ours, and has numbers of its own", async () => {
    const theirs = await system.newTenant("theirs");
    const stream = await listen(theirs.apiKey);
    const ours = await listen();
    const { conversationId } = await say();
    await ours.hear("message:sent", sentTo(conversationId));
    const mine = await say(theirs, await theirs.newAgent());
    await stream.hear("message:sent", sentTo(mine.conversationId));
    expect(JSON.stringify(stream.frames)).not.toContain(conversationId);
    expect(stream.ids()).toEqual(dense(stream.ids()));
    expect(stream.ids()[0]).toBeLessThan(20);
  });

  test("without the scope there is no stream, and without a credential none either", async () => {
    const other = await system.ours.newKey({ scopes: ["conversations:read", "admin"] });
    expect((await listen(other)).status).toBe(403);
    expect((await listen(null)).status).toBe(401);
    expect((await listen("wrong")).status).toBe(401);
  });

  test("contents are told to who may read them; keys and processes to administrators", async () => {
    const [plain, reader, admin] = await Promise.all([
      system.ours.newKey({ scopes: ["rpc"] }).then((key) => listen(key)),
      system.ours.newKey({ scopes: ["rpc", "conversations:read"] }).then((key) => listen(key)),
      system.ours.newKey({ scopes: ["rpc", "admin"] }).then((key) => listen(key)),
    ]);
    const secret = `secret ${randomUUID()}`;
    system.model.when((request) => request.lastUserText === secret, { text: [`I heard: ${secret}`] });
    const { conversationId } = await say(system.ours, agentId, secret);
    await system.rest().call("/trpc/key.create", { body: { name: "made", scopes: [] } });
    const received = await Promise.all([plain, reader, admin].map((stream) => stream.hear("message:received", sentTo(conversationId))));
    const sent = await Promise.all([plain, reader, admin].map((stream) => stream.hear("message:sent", sentTo(conversationId))));
    await admin.hear("audit:event");
    await admin.hear("observability:metrics");
    expect(received[0]).toMatchObject({ hasText: true, attachmentCount: 0 });
    expect(JSON.stringify(plain.frames)).not.toContain(secret);
    for (const index of [1, 2]) {
      expect(received[index]).toMatchObject({ message: { text: secret } });
      expect(sent[index]).toMatchObject({ content: `I heard: ${secret}` });
    }
    const later = await say();
    for (const stream of [plain, reader]) {
      await stream.hear("message:sent", sentTo(later.conversationId));
      expect(stream.frames.map(({ event }) => event)).not.toContain("audit:event");
      expect(stream.frames.map(({ event }) => event)).not.toContain("observability:metrics");
    }
  });

  test("a key for one agent sees what is about that agent", async () => {
    const other = await system.ours.newAgent();
    const stream = await listen(await system.ours.newKey({ scopes: ["rpc"], agentIds: [other] }));
    const [hidden, shown] = [await say(), await say(system.ours, other)];
    await stream.hear("message:sent", sentTo(shown.conversationId));
    expect(JSON.stringify(stream.frames)).not.toContain(hidden.conversationId);
  });

  test("a ticket opens one stream, a key in the address none", async () => {
    const { body } = await system.rest().call("/api/tickets", { method: "POST" });
    const path = `/api/events?ticket=${at(body, "ticket")}`;
    const stream = await listen(null, { path });
    expect(stream.status).toBe(200);
    expect((await listen(null, { path })).status).toBe(401);
    expect((await listen(null, { path: `/api/events?token=${system.ours.apiKey}` })).status).toBe(401);
  });

  test("a key that is revoked has its stream ended", async () => {
    const made = await system.rest().call("/trpc/key.create", { body: { name: "short", scopes: ["rpc"] } });
    const stream = await listen(String(at(made.body, "result", "data", "apiKey")));
    await stream.hear("retry");
    await system.rest().call("/trpc/key.revoke", { body: { keyId: at(made.body, "result", "data", "id") } });
    await stream.ended;
  });

  test("what was said in a deleted conversation is told no more, only that it was", async () => {
    const secret = `forget ${randomUUID()}`;
    const before = await listen();
    await before.hear("retry");
    const from = idOf(before, "retry");
    const { conversationId } = await say(system.ours, agentId, secret);
    await before.hear("message:received", ({ message }) => at(message, "text") === secret);
    await system.rest().call("/trpc/execution.delete", { body: { executionId: conversationId } });
    await before.hear("session:expired", ({ sessionKey }) => sessionKey === conversationId);
    const after = await listen(system.ours.apiKey, { after: from });
    expect(await after.hear("message:received", sentTo(conversationId))).toMatchObject({ hasText: true });
    await after.hear("session:expired", ({ sessionKey }) => sessionKey === conversationId);
    expect(JSON.stringify(after.frames)).not.toContain(secret);
  });
});
