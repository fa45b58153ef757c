import { expect, test } from "vitest";
import { hello, openTurn, startConversation, startDoor } from "./testing/start-door.ts";

const detail = (loc: string[], msg: string) => ({ status: 422, body: { detail: [{ loc, msg, type: expect.any(String) }] } });

test.each([
  ["speech", { output_format: "voice" }, detail(["body", "output_format"], "Speech is not served yet.")],
  ["MCP servers", { mcp_servers: [{ url: "https://example.org" }] }, detail(["body", "mcp_servers"], "MCP servers are not served yet.")],
])("%s is refused rather than ignored, and nothing is kept", async (_what, fields, expected) => {
  const door = await startDoor();
  for (const path of ["/invoke", "/invoke/stream"]) {
    expect(await door.call("POST", door.base + path, { ...hello, ...fields })).toMatchObject(expected);
  }
  expect(door.fake.calls).toEqual([]);
});

test("a version is refused where messages have theirs already; the latest is what they have", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  const drain = (query: string) => `${door.base}/conversations/${id}/drain/stream?${query}`;
  for (const version of ["3", "draft"]) {
    expect(await door.call("POST", drain(`version=${version}`))).toMatchObject(
      detail(["query", "version"], "A message runs with the version that it was sent with."),
    );
    expect((await door.call("POST", `${door.base}/conversations/${id}/answers?version=${version}`, {})).status).toBe(422);
  }
  expect(door.fake.calls.some(({ name }) => name === "drainConversation")).toBe(false);
  const drained = await door.stream("POST", drain("version=latest"));
  expect(drained.response.status).toBe(200);
  await Promise.all([drained.leave(), stream.leave()]);
});

test("what a caller asks of the model and of the row reaches the turn, and is given back", async () => {
  const door = await startDoor();
  const fields = { think_mode: "harder", return_metrics: true, events_streaming: true, mcp_servers: [] };
  const { body } = await door.call("POST", `/v1/agents/${door.fake.agentId}/invoke/async`, { ...hello, ...fields });
  expect(door.fake.calls[0]).toMatchObject({ input: { options: { thinkMode: "harder", returnMetrics: true } } });
  expect(body).toMatchObject({ think_mode: "harder", return_metrics: true });
});

test("a row names the tools of its turn where it was waited for; on a stream, which tells each call, all readers have the same rows", async () => {
  const door = await startDoor();
  const answer = door.call("POST", `${door.base}/invoke`, hello);
  await expect.poll(() => door.fake.conversations.size).toBe(1);
  const [id = ""] = door.fake.conversations.keys();
  await using stream = await door.stream("GET", `${door.base}/conversations/${id}/events`);
  const conversation = door.fake.conversation(id);
  for (const tool of ["look", "dig", "look"]) conversation.happen("tool.called", { step: 1, callId: tool, tool, arguments: {} });
  conversation.finish("done");
  expect((await answer).body).toMatchObject({ used_tools: ["dig", "look"], tokens: expect.anything() });
  expect((await stream.until(({ type }) => type === "task_finished")).data).toMatchObject({ used_tools: [], tokens: expect.anything() });
  expect((await door.call("GET", `/v1/tasks/${await startConversation(door)}`)).body).toMatchObject({ used_tools: [] });
});
