import { randomUUID } from "node:crypto";
import { at, type System, startSystem, type ToolServerCall } from "@parley/testkit";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { currentClient } from "./support/current-client.ts";
import { legacyClient } from "./support/legacy-client.ts";

let system: System;
let sql: postgres.Sql;
let agentId: string;
beforeAll(async () => {
  system = await startSystem({ env: { LIMIT_A2A_PUSH_ATTEMPTS_MAX: "4", LIMIT_A2A_PUSHES_PER_TASK_MAX: "2" } });
  sql = postgres(system.ownerUrl, { max: 1 });
  agentId = await system.ours.newAgent({ mayAsk: true });
});
afterAll(async () => {
  await sql.end();
  await system.close();
});

const url = (): string => `${system.apis[0]?.url}/a2a/agents/${agentId}`;
const current = () => currentClient(url(), system.ours.apiKey, "JSONRPC");
const receiver = () => ({ id: "r", url: `${system.tools.url}/${randomUUID()}` });
const told = (push: { url: string }): ToolServerCall[] => system.tools.journal.filter(({ path }) => push.url.endsWith(path));
const said = (text: string, more: object = {}) => ({ text, messageId: randomUUID(), ...more });
const owed = async (): Promise<number> =>
  (await sql<{ count: number }[]>`select count(*)::int as count from a2a_push_deliveries`)[0]?.count ?? -1;
const allTold = () => expect.poll(owed, { timeout: 20_000, interval: 50 }).toBe(0);
/** What waits for its next try waits no more. */
const makeDue = () => sql`update a2a_push_deliveries set due_at = now()`;
const ASK = { toolCalls: [{ name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "Which one?" }] } }] };

const rpc = (method: string, params: object) =>
  system.rest().call(`/a2a/agents/${agentId}`, { body: { jsonrpc: "2.0", id: 1, method, params }, headers: { "a2a-version": "1.0" } });

/** What a receiver of version 1.0 has heard: states, and answers in brackets. */
const heard = (push: { url: string }): string[] =>
  told(push).map(({ arguments: body }) => {
    const artifact = at(body, "artifactUpdate");
    if (artifact !== undefined) return `[${String(at(artifact, "artifact", "parts", 0, "text"))}]`;
    return String(at(body, "statusUpdate", "status", "state") ?? `task ${String(at(body, "task", "status", "state"))}`).replace(
      "TASK_STATE_",
      "",
    );
  });

test("a receiver of version 1.0 is told in order what a stream would say, with both of its proofs, from the message on", async () => {
  system.model.script(ASK, { text: "the answer" });
  const push = { ...receiver(), token: "a token", authentication: { scheme: "Bearer", credentials: "a secret" } };
  const a2a = await current();
  const task = await a2a.send(said("Hello", { push }));
  await a2a.send(said("Red", { taskId: task.id }));
  await allTold();
  expect(heard(push)).toEqual(["task SUBMITTED", "WORKING", "INPUT_REQUIRED", "WORKING", "[the answer]", "COMPLETED"]);
  for (const call of told(push)) {
    expect(call.headers).toMatchObject({
      authorization: "Bearer a secret",
      "x-a2a-notification-token": "a token",
      "content-type": "application/a2a+json",
    });
  }
  const asked = told(push).find(({ arguments: body }) => at(body, "statusUpdate", "status", "state") === "TASK_STATE_INPUT_REQUIRED");
  expect(at(asked?.arguments, "statusUpdate", "status", "message", "parts", 0, "text")).toBe("Which one?");
});

test("what proves a push is sealed where it is kept, shown to nobody, and forgotten when the end was told", async () => {
  let goOn = (): void => {};
  const after = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  system.model.script({ text: "done", after });
  const push = { ...receiver(), token: "a token", authentication: { scheme: "Bearer", credentials: "a secret" } };
  const { id } = await (await current()).send(said("Hello", { push, waits: false }));
  const [row] = await sql<{ secret: string }[]>`select secret from a2a_pushes where task_id = ${id}`;
  expect(row?.secret).toEqual(expect.not.stringMatching(/a token|a secret/));
  const listed = await rpc("ListTaskPushNotificationConfigs", { taskId: id });
  expect(at(listed.body, "result", "configs")).toEqual([{ taskId: id, id: "r", url: push.url, authentication: { scheme: "Bearer" } }]);
  goOn();
  await allTold();
  await expect
    .poll(async () => (await sql<{ secret: string | null }[]>`select secret from a2a_pushes where task_id = ${id}`)[0]?.secret)
    .toBe(null);
});

test("a receiver of version 0.3 is told the whole task each time", async () => {
  system.model.script({ text: "the old answer" });
  const push = receiver();
  await (await legacyClient(url(), system.ours.apiKey, "JSONRPC")).send(said("Hello", { push }));
  await allTold();
  const bodies = told(push).map(({ arguments: body }) => body);
  expect(bodies.at(-1)).toMatchObject({
    kind: "task",
    status: { state: "completed" },
    artifacts: [{ parts: [{ kind: "text", text: "the old answer" }] }],
  });
  expect(told(push).at(-1)?.contentType).toBe("application/json");
});

test("a receiver that fails is told again, in order; one that is down when the task ends is told once it is up", async () => {
  const push = receiver();
  let isDown = true;
  let failures = 0;
  system.tools.when(
    ({ path }) => push.url.endsWith(path) && isDown,
    () => {
      failures += 1;
      return { status: 503 };
    },
  );
  system.model.script({ text: "the answer" });
  const task = await (await current()).send(said("Hello", { push }));
  expect(task.state).toBe("completed");
  await expect.poll(() => failures, { timeout: 15_000 }).toBeGreaterThanOrEqual(2);
  // The worker that knew of it is gone, too.
  await system.workers[0]?.kill();
  expect(await owed()).toBeGreaterThanOrEqual(1);
  isDown = false;
  await makeDue();
  await system.workers[0]?.restart();
  await expect.poll(() => heard(push).at(-1), { timeout: 15_000 }).toMatch(/COMPLETED$/);
  await allTold();
  // What it was told in the end, each thing once: the tries that failed are those of the first thing.
  const answered = told(push).slice(failures);
  expect(new Set(answered.map((call) => JSON.stringify(call.arguments))).size).toBe(answered.length);
});

test("a receiver that never takes anything is given up, with all that it was owed; so is one that is gone, at once", async () => {
  const [never, gone] = [receiver(), receiver()];
  system.tools.when(({ path }) => never.url.endsWith(path), { status: 500 });
  system.tools.when(({ path }) => gone.url.endsWith(path), { status: 410 });
  system.model.otherwise({ text: ["done"] });
  const a2a = await current();
  const task = await a2a.send(said("Hello", { push: never }));
  await expect
    .poll(
      async () => {
        await makeDue();
        return told(never).length;
      },
      { timeout: 20_000, interval: 100 },
    )
    .toBe(4);
  await expect.poll(() => a2a.listPushes(task.id)).toEqual([]);
  const other = await a2a.send(said("Hello", { push: gone }));
  await expect.poll(() => a2a.listPushes(other.id), { timeout: 15_000 }).toEqual([]);
  expect(told(gone).length).toBe(1);
});

test("an address that may not be called is refused before anything is kept, and more receivers than there may be are", async () => {
  const before = await system.rowCounts();
  for (const address of [
    "http://169.254.169.254/latest",
    "http://127.0.0.1:1/",
    "http://[::1]/",
    "http://user:pass@example.com/",
    "ftp://example.com/",
    "http://localhost:9/",
  ]) {
    const params = {
      message: { messageId: randomUUID(), role: "ROLE_USER", parts: [{ text: "x" }] },
      configuration: { taskPushNotificationConfig: { url: address } },
    };
    expect([address, at((await rpc("SendMessage", params)).body, "error", "code")]).toEqual([address, -32602]);
  }
  expect(await system.rowCounts()).toEqual(before);
  const a2a = await current();
  const { id } = await a2a.send(said("Hello"));
  for (const name of ["a", "b", "b"]) await a2a.setPush(id, { ...receiver(), id: name });
  const third = await rpc("CreateTaskPushNotificationConfig", { taskId: id, ...receiver(), id: "c" });
  expect(at(third.body, "error", "data", 0, "reason")).toBe("LIMIT_REACHED");
});

test("a task goes with its conversation, and with it all who were to be told", async () => {
  const a2a = await current();
  const { id, contextId } = await a2a.send(said("Hello", { push: receiver() }));
  await allTold();
  expect((await system.rest().call(`/v1/tasks/${contextId}`, { method: "DELETE" })).status).toBe(200);
  await expect(a2a.get(id)).rejects.toThrow();
  for (const table of ["a2a_tasks", "a2a_messages", "a2a_pushes", "a2a_push_deliveries"]) {
    const column = table === "a2a_tasks" ? "id" : "task_id";
    const [row] = await sql<{ count: number }[]>`select count(*)::int as count from ${sql(table)} where ${sql(column)} = ${id}`;
    expect([table, row?.count]).toEqual([table, 0]);
  }
});

test("a receiver that is taken away while something comes to be owed to it leaves nothing behind", async () => {
  system.model.script(ASK);
  const a2a = await current();
  const { id } = await a2a.send(said("Hello"));
  const push = await a2a.setPush(id, receiver());
  let deletion: Promise<void> | undefined;
  let isOver = false;
  await sql.begin(async (writer) => {
    await writer`select from conversations where id = (select conversation_id from a2a_tasks where id = ${id}) for update`;
    await writer`select owe_a2a_pushes(t, '{"state": "working"}') from a2a_tasks t where id = ${id}`;
    deletion = a2a.deletePush(id, push.id).finally(() => {
      isOver = true;
    });
    const waiting = async () =>
      (await writer<{ pid: number }[]>`select pid from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))`)
        .length;
    await expect.poll(async () => isOver || (await waiting()) > 0).toBe(true);
  });
  await deletion;
  expect(await owed()).toBe(0);
});
