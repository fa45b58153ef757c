import { randomUUID } from "node:crypto";
import { createClient } from "@parley/client";
import { newId } from "@parley/contracts";
import { afterEach, expect, test, vi } from "vitest";
import { startTestApi } from "../testing/test-api.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

test("a client that comes back beyond the bound of its streams is refused in words, before any head goes out", async () => {
  const api = await startTestApi({ limits: { streamsPerCallerMax: 1 } });
  closing.push(api.close);
  const client = createClient({ url: api.url, apiKey: api.key });
  const { conversationId, messageId, turnId } = await client.turn.submit.mutate({ agentId: randomUUID(), text: "Wait." });
  const comeBack = (id: string) =>
    fetch(`${api.url}/api/chat/stream?message=x`, {
      headers: { "x-api-key": api.key, "last-event-id": `${id}_${messageId}_${turnId}_0-0_0-0` },
    });
  const first = await comeBack(conversationId);
  expect(first.headers.get("content-type")).toContain("text/event-stream");
  const second = await comeBack(conversationId);
  expect([second.status, await second.json()]).toEqual([429, { error: expect.any(String) }]);
  await first.body?.cancel();
  await vi.waitFor(() => expect(api.gateway.followers()).toBe(0), { timeout: 10_000 });
  // Nor does one count that was refused for another reason.
  for (let time = 0; time < 3; time += 1) expect((await comeBack(newId())).status).toBe(404);
});

test("asking for the head of a stream begins nothing, and does not wait for its end", async () => {
  const api = await startTestApi();
  closing.push(api.close);
  const headers = { "x-api-key": api.key };
  for (const path of ["/api/chat/stream?message=x", "/api/events"]) {
    expect((await fetch(`${api.url}${path}`, { method: "HEAD", headers })).status).toBe(405);
  }
});
