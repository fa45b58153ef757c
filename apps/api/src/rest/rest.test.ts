import { newId, type SubmitInput } from "@parley/contracts";
import { expect, test } from "vitest";
import { hello, startConversation, startDoor } from "./testing/start-door.ts";

/** An execution's members as the contract lists them. */
const ROW =
  `id agent_id organization_id input created_at status internal_status last_executed_node_id agent_version started_at paused_at finished_at result
  parent_execution sub_executions finished_sub_executions should_update_parent is_manually_stopped is_background payload_extension hitl_request pending_eca_request
  source worker_id additional_context instructions_override expected_output test_run_node_id is_orchestration is_gateway output_format voice_id output_schema
  events_streaming used_mutating_tools is_continuous mcp_servers triggering_agent_id title think_mode disable_attachment_injection user_tokens user_oidc_token
  deep_planning execution_attempts return_metrics tokens used_tools duration llm_model_provider llm_model_name llm_reasoning_effort conversation_kind`.split(
    /\s+/,
  );

test("an invoke answers the finished execution, whole", async () => {
  const door = await startDoor();
  const answer = door.call("POST", `${door.base}/invoke`, hello);
  await expect.poll(() => door.fake.conversations.size).toBe(1);
  const [id = ""] = door.fake.conversations.keys();
  door.fake.conversation(id).start();
  door.fake.conversation(id).finish("Hi");
  const { status, body } = await answer;
  expect(status).toBe(200);
  expect(Object.keys(body)).toEqual(expect.arrayContaining(ROW));
  expect(body).toMatchObject({ id, status: "completed", result: "Hi", is_gateway: true });
});

test("an invoke of a turn that pauses answers `paused`", async () => {
  const door = await startDoor();
  const answer = door.call("POST", `${door.base}/invoke`, hello);
  await expect.poll(() => door.fake.conversations.size).toBe(1);
  const [id = ""] = door.fake.conversations.keys();
  door.fake.conversation(id).happen("turn.paused", { cardIds: [] });
  expect((await answer).body).toMatchObject({ id, status: "paused" });
});

test("an invoke never hangs: after its bound a turn that still runs or waits is `pending`", async () => {
  const door = await startDoor({ syncWaitMs: 20 });
  const first = await door.call("POST", `${door.base}/invoke`, hello);
  expect(first.body).toMatchObject({ status: "pending", result: null });
  const second = await door.call("POST", `${door.base}/invoke`, { id: first.body.id, input: { text: "And then?" } });
  expect(second.body).toMatchObject({ id: first.body.id, status: "pending", input: { text: "And then?" } });
  expect(second.body.turn_id).not.toBe(first.body.turn_id);
});

test("an invoke behind a card answers `pending` at once, and the same call again tells its turn once that has run", async () => {
  const door = await startDoor();
  const id = await startConversation(door);
  door.fake.conversation(id).happen("turn.paused", { cardIds: [] });
  const invoke = () =>
    door.call("POST", `/v1/agents/${door.fake.agentId}/invoke`, { id, input: { text: "And then?" } }, { "idempotency-key": "k" });
  for (const { status, body } of [await invoke(), await invoke()]) {
    expect([status, body]).toMatchObject([200, { id, status: "pending", input: { text: "And then?" }, result: null }]);
  }
  expect(door.fake.conversation(id).queue.length).toBe(1);
  door.fake.conversation(id).finish("one");
  door.fake.conversation(id).finish("two");
  expect((await invoke()).body).toMatchObject({ status: "completed", result: "two" });
});

test("invoke/async again answers with the row of its own turn, not of the newest", async () => {
  const door = await startDoor();
  const path = `/v1/agents/${door.fake.agentId}/invoke/async`;
  const first = () => door.call("POST", path, hello, { "idempotency-key": "k" });
  const { body } = await first();
  const conversation = door.fake.conversation(String(body.id));
  conversation.start();
  conversation.finish("one");
  await door.call("POST", path, { id: body.id, input: { text: "Another" } });
  conversation.happen("turn.started", { turnNumber: 2, attempt: 3, agentVersion: 7 });
  conversation.finish("two");
  expect((await first()).body).toMatchObject({
    ...{ id: body.id, turn_id: body.turn_id, turn_number: 1, agent_version: "1", execution_attempts: 1 },
    ...{ status: "pending", input: { text: "Hello" }, result: null },
  });
});

test("invoke/async answers `pending` at once", async () => {
  const door = await startDoor();
  const { status, body } = await door.call("POST", `/v1/agents/${door.fake.agentId}/invoke/async`, hello);
  expect(status).toBe(200);
  expect(body).toMatchObject({ status: "pending", input: { text: "Hello", files: [] }, result: null });
});

test("an invoke reaches the domain with every option, without secrets and claimed roles", async () => {
  const door = await startDoor({ syncWaitMs: 0 });
  const id = newId();
  const user = { email: "a@example.org", display_name: "A", role: "admin", is_super_admin: true, timezone: "Europe/Berlin" };
  await door.call("POST", `${door.base}/invoke?version=draft&sub_tasks=async`, {
    id,
    input: { text: "Hello", files: ["https://example.org/a.pdf"], user },
    title: "T",
    think_mode: "harder",
    output_format: "json",
    output_schema: { type: "object" },
    llm_model_provider: "openrouter",
    llm_model_name: "meta-llama/llama",
    llm_reasoning_effort: "high",
    source_node_type: "elsewhere",
    payload_extension: { a: [1, { b: null }] },
    user_tokens: { secret: "s3cret" },
    user_oidc_token: "s3cret",
    instructions_override: null,
    surprising: "ignored",
  });
  const { input, facts } = door.fake.calls[0] ?? {};
  expect(facts).toEqual({ route: "turn.invoke", invoke: true });
  expect(JSON.parse(JSON.stringify(input))).toEqual({
    agentId: door.fake.agentId,
    conversationId: id,
    version: "draft",
    mode: "auto",
    text: "Hello",
    files: ["https://example.org/a.pdf"],
    user: { email: "a@example.org", displayName: "A", timezone: "Europe/Berlin" },
    options: {
      title: "T",
      thinkMode: "harder",
      outputFormat: "json",
      outputSchema: { type: "object" },
      model: "openrouter/meta-llama/llama",
      reasoningEffort: "high",
      subTasks: "async",
      sourceNodeType: "sdk",
      payloadExtension: { a: [1, { b: null }] },
    },
  });
});

test("an absent user stays absent, so that a conversation keeps the one it has", async () => {
  const door = await startDoor();
  await startConversation(door);
  expect((door.fake.calls[0]?.input as SubmitInput).user).toBeUndefined();
});

test("`on_running: reject` refuses while a turn runs", async () => {
  const door = await startDoor();
  const id = await startConversation(door);
  const { status, body } = await door.call("POST", `${door.base}/invoke`, { ...hello, id, on_running: "reject" });
  expect(status).toBe(409);
  expect(body).toEqual({ detail: "This conversation is still answering." });
});

test("auto while idle answers started with depth 0, keeps nothing, and nothing runs until invoke", async () => {
  const door = await startDoor();
  const id = await startConversation(door);
  door.fake.conversation(id).finish("done");
  const events = door.fake.conversation(id).log.length;
  const { body } = await door.call("POST", `${door.base}/conversations/${id}/messages`, { text: "More" });
  expect(body).toMatchObject({ action: "started", message_id: null, turn_id: null, queue_depth: 0, mode: "auto", position: 0 });
  expect(door.fake.conversation(id).log.length).toBe(events);
  const started = await door.call("POST", `${door.base}/conversations/${id}/messages`, { text: "More", run: true });
  expect(started.body).toMatchObject({ action: "started", message_id: expect.any(String), turn_id: expect.any(String) });
  expect(door.fake.conversation(id).execution).toMatchObject({ status: "pending", input: { text: "More" } });
});

test("an unknown mode is refused with the field's path and keeps nothing", async () => {
  const door = await startDoor();
  const id = await startConversation(door);
  const message = await door.call("POST", `${door.base}/conversations/${id}/messages`, { text: "More", mode: "nonsense" });
  expect(message).toMatchObject({ status: 422, body: { detail: [{ loc: ["body", "mode"], type: "enum" }] } });
  const invoke = await door.call("POST", `${door.base}/invoke`, { ...hello, id, on_running: "auto" });
  expect(invoke).toMatchObject({ status: 422, body: { detail: [{ loc: ["body", "on_running"], type: "enum" }] } });
  expect(door.fake.conversation(id).queue).toEqual([]);
});

test.each([
  ["queue", "auto"],
  ["collect", "collect"],
  ["interrupt", "interrupt"],
  ["reject", "reject"],
])("on_running %s is the mode %s of an invoke", async (on_running, mode) => {
  const door = await startDoor();
  await door.call("POST", `/v1/agents/${door.fake.agentId}/invoke/async`, { ...hello, on_running });
  expect(door.fake.calls[0]).toMatchObject({ input: { mode }, facts: { route: "turn.invokeAsync", invoke: true } });
});

test("tasks are read, listed in pages, stopped and deleted", async () => {
  const door = await startDoor();
  const id = await startConversation(door);
  expect((await door.call("GET", `/v1/tasks/${id}`)).body).toMatchObject({ id, agent_id: door.fake.agentId });
  expect((await door.call("GET", `/v1/tasks/${id}/thread`)).body).toMatchObject([
    { id: "m1", role: "user", content: "Hello", created_at: 1_767_225_601 },
  ]);
  expect((await door.call("GET", `/v1/tasks/${id}/thread/full`)).body).toMatchObject({ root: [] });
  const page = await door.call("GET", `/v1/tasks?page=2&per_page=20&status=running&from_date=2026-01-01&user_id=`);
  expect(page.body).toMatchObject({ items: [{ id, parent_task_id: null }], total: 41, page: 2, per_page: 20, total_pages: 3 });
  expect(door.fake.calls.at(-1)?.input).toMatchObject({
    page: 2,
    perPage: 20,
    status: "executing",
    from: new Date("2026-01-01"),
    userId: undefined,
  });
  await door.call("GET", `/v1/agents/${door.fake.agentId}/tasks?agent_id=${door.fake.otherAgentId}`);
  expect(door.fake.calls.at(-1)?.input).toMatchObject({ agentId: door.fake.agentId });
  expect((await door.call("POST", `/v1/tasks/${id}/stop`)).body).toMatchObject({ id });
  expect((await door.call("DELETE", `/v1/tasks/${id}?memories=lose`)).status).toBe(422);
  expect((await door.call("DELETE", `/v1/tasks/${id}?memories=keep`)).body).toEqual({ id, deleted: true });
  expect(door.fake.calls.at(-1)?.input).toEqual({ executionId: id, memories: "keep" });
  expect((await door.call("GET", `/v1/tasks/${id}`)).status).toBe(404);
});

test("second-generation paths are the same routes", async () => {
  const door = await startDoor({ syncWaitMs: 0 });
  const agent = `/v1/agents/${door.fake.agentId}`;
  const { body } = await door.call("POST", `${agent}/conversations/invoke`, hello);
  const conversation = `${agent}/conversations/${body.id}`;
  expect((await door.call("GET", conversation)).body).toMatchObject({ conversation_id: body.id });
  expect((await door.call("POST", `${conversation}/messages`, { text: "More" })).body).toMatchObject({ action: "queued" });
  expect((await door.call("GET", `${conversation}/run-state`)).body).toMatchObject({ queue_depth: 1 });
  expect((await door.call("POST", `/v1/agents/${door.fake.agentId}/invoke`, hello)).body).toMatchObject({ status: "pending" });
});
