import { randomUUID } from "node:crypto";
import { GatewayError } from "@parley/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../testing/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const state = (path: string, input: unknown) =>
  fetch(`${api.url}/trpc/${path}&input=${encodeURIComponent(JSON.stringify(input))}`, { headers: { "x-api-key": api.key } });

test("a refusal that knows when to come back says so in the head, also in a batch", async () => {
  const conversationId = randomUUID();
  api.gateway.failure = new GatewayError("storage_unavailable", { retryAfterSeconds: 7 });
  const single = await state("conversation.runState?", { conversationId });
  expect([single.status, single.headers.get("retry-after")]).toEqual([503, "7"]);
  expect(await single.json()).toMatchObject({ error: { data: { code: "storage_unavailable", retryAfterSeconds: 7 } } });

  api.gateway.failure = new GatewayError("storage_unavailable", { retryAfterSeconds: 3 });
  const both = await state("conversation.runState,conversation.runState?batch=1", { 0: { conversationId }, 1: { conversationId } });
  expect(both.headers.get("retry-after")).toBe("3");
  await both.text();

  api.gateway.failure = null;
  const plain = await state("conversation.runState?", { conversationId });
  expect([plain.status, plain.headers.get("retry-after")]).toEqual([404, null]);
  await plain.text();
});
