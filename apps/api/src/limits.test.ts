import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { startTestApi, type TestApi } from "./testing/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ limits: { bodyBytesMax: 2_000, jsonDepthMax: 10, callsPerBatchMax: 2, messageCharsMax: 20, pageMax: 3 } });
});
afterAll(() => api.close());

const nested = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;
const batch = (calls: number) => Array.from({ length: calls }, (_, id) => ({ id, method: "query", params: { path: "system.health" } }));

async function send(path: string, body?: string): Promise<{ status: number; text: string }> {
  const headers = { "x-api-key": api.key, "content-type": "application/json" };
  const response = await fetch(api.url + path, { headers, ...(body !== undefined && { method: "POST", body }) });
  return { status: response.status, text: await response.text() };
}

test("a body's size and depth are held to the bounds that were set, at every door that takes one", async () => {
  for (const path of ["/trpc/agent.create", "/v1/agents/01900000-0000-7000-8000-000000000000/gateway/invoke"]) {
    expect([path, (await send(path, `"${"x".repeat(2_000)}"`)).status]).toEqual([path, 413]);
    expect([path, (await send(path, nested(11))).status]).toEqual([path, 400]);
    expect([path, (await send(path, nested(10))).status]).toEqual([path, 422]);
  }
});

test("a message and a page are", async () => {
  const agent = "/v1/agents/01900000-0000-7000-8000-000000000000/gateway";
  const message = await send(`${agent}/invoke`, JSON.stringify({ input: { text: "x".repeat(21) } }));
  expect([message.status, message.text]).toEqual([413, expect.stringContaining("longer than 20 characters")]);
  expect([(await send("/v1/tasks?per_page=3")).status, (await send("/v1/tasks?per_page=4")).status]).toEqual([200, 422]);
});

test("a batch and a frame are, on either transport", async () => {
  const statusOf = async (calls: number) => (await send(`/trpc/${batch(calls).map(() => "system.health")}?batch=1&input=%7B%7D`)).status;
  expect([await statusOf(2), await statusOf(3)]).toEqual([200, 400]);
  const socket = new WebSocket(`${api.url.replace("http", "ws")}/trpc`, { headers: { "x-api-key": api.key } });
  await once(socket, "open");
  const heard: string[] = [];
  socket.on("message", (data) => heard.push(String(data)));
  for (const frame of [JSON.stringify(batch(3)), `{"id":1,"method":"query","params":{"path":"system.health","input":${nested(10)}}}`]) {
    socket.send(frame);
    await expect.poll(() => heard.shift()).toContain("bad_request");
  }
  socket.send("x".repeat(2_001));
  expect(await once(socket, "close")).toEqual([1009, expect.anything()]);
});
