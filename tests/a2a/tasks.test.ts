import { randomUUID } from "node:crypto";
import { at, type System, startSystem, type Tenant } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ASK,
  errorOf,
  held,
  idOf,
  info,
  message,
  type RawA2a,
  type Reader,
  rawA2a,
  result,
  resultsOf,
  stateOf,
  V1,
} from "./support/raw-a2a.ts";

let system: System;
let theirs: Tenant;
let a2a: RawA2a;
beforeAll(async () => {
  system = await startSystem({ apis: 2, leaseMs: 3_000, env: { LIMIT_SYNC_WAIT_MS: "20000" } });
  theirs = await system.newTenant("theirs");
  a2a = rawA2a(system, await system.ours.newAgent({ mayAsk: true }));
  system.model.otherwise({ text: ["the answer"] });
});
afterAll(() => system.close());

describe("tasks", () => {
  test("every method knows no task but the caller's own, whoever asks for whichever", async () => {
    const task = idOf(await a2a.send());
    const otherKey = await system.ours.newKey({ scopes: ["conversations:read", "conversations:write"] });
    const calls: [string, (id: string) => object][] = [
      ["GetTask", (id) => ({ id })],
      ["CancelTask", (id) => ({ id })],
      ["SubscribeToTask", (id) => ({ id })],
      ["SendMessage", (taskId) => ({ message: message("mine now", { taskId }) })],
      ["SendStreamingMessage", (taskId) => ({ message: message("mine now", { taskId }) })],
      ["CreateTaskPushNotificationConfig", (taskId) => ({ taskId, url: system.tools.url })],
      ["GetTaskPushNotificationConfig", (taskId) => ({ taskId, id: "x" })],
      ["ListTaskPushNotificationConfigs", (taskId) => ({ taskId })],
      ["DeleteTaskPushNotificationConfig", (taskId) => ({ taskId, id: "x" })],
    ];
    for (const [method, params] of calls) {
      const foreign = await errorOf(a2a.rpc(method, params(task), { key: otherKey }));
      expect([method, foreign]).toMatchObject([method, { code: -32001, data: info("TASK_NOT_FOUND") }]);
      for (const id of [randomUUID(), "no id of ours", "../x"])
        expect([method, await errorOf(a2a.rpc(method, params(id)))]).toEqual([method, foreign]);
    }
    expect(await result(a2a.rpc("ListTasks", {}, { key: otherKey }))).toEqual({ tasks: [], nextPageToken: "", pageSize: 50, totalSize: 0 });
    // The agent itself is another organization's: that is not there either.
    expect((await a2a.rpc("GetTask", { id: task }, { key: theirs.apiKey })).status).toBe(404);
  });

  test("a scope that is not there is refused by HTTP, as is a credential that is none, with how to come with one", async () => {
    const reader = await system.ours.newKey({ scopes: ["conversations:read"] });
    expect((await a2a.rpc("SendMessage", { message: message("x") }, { key: reader })).status).toBe(403);
    expect((await a2a.rpc("ListTasks", {}, { key: reader })).status).toBe(200);
    for (const key of [null, "agw_nobody"]) {
      const refused = await a2a.rpc("ListTasks", {}, { key });
      expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    }
  });

  test("an ended one takes no message, cannot be canceled and cannot be subscribed to; another context's name does not fit it", async () => {
    const task = await a2a.send();
    const taskId = idOf(task);
    expect(await errorOf(a2a.rpc("SendMessage", { message: message("more", { taskId }) }))).toMatchObject({
      code: -32004,
      data: info("UNSUPPORTED_OPERATION"),
    });
    expect(await errorOf(a2a.rpc("CancelTask", { id: taskId }))).toMatchObject({ code: -32002, data: info("TASK_NOT_CANCELABLE") });
    expect(await errorOf(a2a.rpc("SubscribeToTask", { id: taskId }))).toMatchObject({ code: -32004 });
    expect(await errorOf(a2a.rpc("SendMessage", { message: message("more", { taskId, contextId: "another" }) }))).toMatchObject({
      code: -32602,
    });
    const canceled = await system.rest().call(a2a.path(`/tasks/${taskId}:cancel`), { method: "POST", headers: V1 });
    expect(canceled).toMatchObject({
      status: 409,
      body: { error: { code: 409, status: "FAILED_PRECONDITION", details: info("TASK_NOT_CANCELABLE") } },
    });
    const unknown = await system.rest().call(a2a.path(`/tasks/${randomUUID()}`), { headers: V1 });
    expect(unknown).toMatchObject({ status: 404, body: { error: { status: "NOT_FOUND", details: info("TASK_NOT_FOUND") } } });
    expect(
      (await system.rest().call(a2a.path("/message:send"), { body: "{}", headers: { ...V1, "content-type": "text/plain" } })).status,
    ).toBe(415);
  });

  test("one at work takes no message, and two in one context run one after the other", async () => {
    const goOn = held(system, "first");
    const contextId = randomUUID();
    const first = await a2a.send("one", { contextId }, { returnImmediately: true });
    expect(await errorOf(a2a.rpc("SendMessage", { message: message("more", { taskId: idOf(first) }) }))).toMatchObject({ code: -32004 });
    const second = await a2a.send("two", { contextId }, { returnImmediately: true });
    expect(stateOf(second)).toBe("TASK_STATE_SUBMITTED");
    goOn();
    await expect
      .poll(async () => stateOf(await result(a2a.rpc("GetTask", { id: idOf(second) }))), { timeout: 15_000 })
      .toBe("TASK_STATE_COMPLETED");
  });

  test("one that waits in the queue is canceled there, and what runs goes on", async () => {
    const goOn = held(system, "first");
    const contextId = randomUUID();
    const first = await a2a.send("one", { contextId }, { returnImmediately: true });
    const second = await a2a.send("two", { contextId }, { returnImmediately: true });
    expect(stateOf(await result(a2a.rpc("CancelTask", { id: idOf(second) }, { api: 1 })))).toBe("TASK_STATE_CANCELED");
    expect(stateOf(await result(a2a.rpc("CancelTask", { id: idOf(second) })))).toBe("TASK_STATE_CANCELED");
    goOn();
    await expect
      .poll(async () => stateOf(await result(a2a.rpc("GetTask", { id: idOf(first) }))), { timeout: 15_000 })
      .toBe("TASK_STATE_COMPLETED");
  });

  test("what waits behind one that is canceled goes on", async () => {
    // No order of replies: its end may come before the model is asked.
    system.model.when(({ lastUserText }) => lastUserText === "never ends", { hang: true });
    const contextId = randomUUID();
    const first = await a2a.send("never ends", { contextId }, { returnImmediately: true });
    const second = await a2a.send("two", { contextId }, { returnImmediately: true });
    expect(stateOf(await result(a2a.rpc("CancelTask", { id: idOf(first) })))).toBe("TASK_STATE_CANCELED");
    await expect
      .poll(async () => stateOf(await result(a2a.rpc("GetTask", { id: idOf(second) }))), { timeout: 15_000 })
      .toBe("TASK_STATE_COMPLETED");
  });

  test("lists show the newest first, in pages, of one context or one state, with artifacts only where they are wanted", async () => {
    const contextId = randomUUID();
    const ids: string[] = [];
    for (const text of ["one", "two", "three"]) ids.unshift(idOf(await a2a.send(text, { contextId })));
    const list = (params: object) => result(a2a.rpc("ListTasks", { contextId, ...params }));
    const whole = await list({});
    expect(whole).toMatchObject({ nextPageToken: "", pageSize: 50, totalSize: 3 });
    const idsIn = (page: unknown): string[] => (at(page, "tasks") as unknown[]).map(idOf);
    expect(idsIn(whole)).toEqual(ids);
    expect(at(whole, "tasks", 0)).not.toHaveProperty("artifacts");
    expect(at(await list({ includeArtifacts: true }), "tasks", 0, "artifacts", 0, "parts", 0, "text")).toBe("the answer");
    const first = await list({ pageSize: 2 });
    expect(idsIn(first)).toEqual(ids.slice(0, 2));
    const second = await list({ pageSize: 2, pageToken: at(first, "nextPageToken") });
    expect([idsIn(second), at(second, "nextPageToken")]).toEqual([ids.slice(2), ""]);
    expect(idsIn(await list({ status: "TASK_STATE_COMPLETED" }))).toEqual(ids);
    expect(idsIn(await list({ status: "TASK_STATE_WORKING" }))).toEqual([]);
    expect(idsIn(await list({ status: "TASK_STATE_REJECTED" }))).toEqual([]);
    const since = String(at(whole, "tasks", 1, "status", "timestamp"));
    expect(idsIn(await list({ statusTimestampAfter: since }))).toEqual(ids.slice(0, 2));
    const rest = await system.rest().call(a2a.path(`/tasks?contextId=${contextId}&pageSize=2&includeArtifacts=true`), { headers: V1 });
    expect(rest.status).toBe(200);
    expect(idsIn(JSON.parse(rest.text))).toEqual(ids.slice(0, 2));
  });

  test("several questions are answered with data; a message that answers none goes on without them, and an approval is not given by it", async () => {
    const questions = [
      { id: "colour", text: "Which colour?", options: [{ id: "r", label: "Red" }] },
      { id: "size", text: "Which size?" },
    ];
    const asks = { toolCalls: [{ name: "ask_user_questions", arguments: { questions } }] };
    system.model.script(asks, { text: "both heard" }, asks, { text: "never mind" });
    const asked = await a2a.send("Choose");
    expect(at(asked, "status", "message", "parts", 1, "data")).toMatchObject({ kind: "questions", questions });
    const answers = [
      { questionId: "colour", selectedOptionIds: ["r"] },
      { questionId: "size", answer: "Large" },
    ];
    const done = await a2a.send("", { taskId: idOf(asked), parts: [{ data: { answers } }] });
    expect([stateOf(done), at(done, "artifacts", 0, "parts", 0, "text")]).toEqual(["TASK_STATE_COMPLETED", "both heard"]);
    const again = await a2a.send("Choose again");
    expect(stateOf(await a2a.send("Forget it", { taskId: idOf(again) }))).toBe("TASK_STATE_COMPLETED");
  });
});

describe("streams", () => {
  test("all of one task say the same in the same order, one that is left harms no other, and those who subscribe stay for the answer", async () => {
    const goOn = held(system, "A long answer");
    const id = idOf(await a2a.send("Hello", {}, { returnImmediately: true }));
    await expect.poll(async () => stateOf(await result(a2a.rpc("GetTask", { id })))).toBe("TASK_STATE_WORKING");
    const readers = await Promise.all([0, 1, 0].map((api) => a2a.open("SubscribeToTask", { id }, { api, id: 7 })));
    const [one, other, leaving] = readers as [Reader, Reader, Reader];
    await expect.poll(() => readers.map(({ frames }) => frames.length)).toEqual([1, 1, 1]);
    leaving.leave();
    goOn();
    await Promise.all([one.over, other.over]);
    expect(other.frames).toEqual(one.frames);
    for (const frame of one.frames) expect(frame).toMatchObject({ jsonrpc: "2.0", id: 7 });
    expect(Object.keys(resultsOf(one)[0] as object)).toEqual(["task"]);
    expect(at(resultsOf(one).at(-1), "statusUpdate", "status", "state")).toBe("TASK_STATE_COMPLETED");
  });

  test("one of a message ends at a question, one of a subscriber at the task's end, which another call brings", async () => {
    system.model.script(ASK, { text: "Red it is" });
    const sender = await a2a.open("SendStreamingMessage", { message: message("Choose") });
    await sender.over;
    const last = resultsOf(sender).at(-1);
    expect(at(last, "statusUpdate", "status")).toMatchObject({
      state: "TASK_STATE_INPUT_REQUIRED",
      message: { role: "ROLE_AGENT", parts: [{ text: "Which one?" }, {}] },
    });
    const id = String(at(last, "statusUpdate", "taskId"));
    const subscriber = await a2a.open("SubscribeToTask", { id }, { api: 1 });
    await expect.poll(() => subscriber.frames.length).toBe(1);
    await a2a.send("Red", { taskId: id });
    await subscriber.over;
    const states = resultsOf(subscriber).flatMap((one) => at(one, "statusUpdate", "status", "state") ?? []);
    expect(states).toEqual(["TASK_STATE_WORKING", "TASK_STATE_COMPLETED"]);
  });

  test("in version 0.3 the last update is final, and a task that has ended is told as it is", async () => {
    const params = { message: { messageId: randomUUID(), role: "user", parts: [{ kind: "text", text: "Hello" }] } };
    const stream = await a2a.open("message/stream", params, { version: "0.3" });
    await stream.over;
    const updates = resultsOf(stream).filter((one) => at(one, "kind") === "status-update");
    expect(updates.map((one) => [at(one, "status", "state"), at(one, "final")])).toEqual([
      ...updates.slice(1).map(() => ["working", false]),
      ["completed", true],
    ]);
    const again = await a2a.open("tasks/resubscribe", { id: at(resultsOf(stream)[0], "id") }, { version: "0.3" });
    await again.over;
    expect(resultsOf(again)).toMatchObject([{ kind: "task", status: { state: "completed" } }]);
  });

  test("one whose worker is killed sends the answer again in place of what was there, and ends as its task does", async () => {
    system.model.script({ text: ["Half of ", "it"], breaks: { afterChunks: 1, how: "hang" } }, { text: "All of it" });
    const stream = await a2a.open("SendStreamingMessage", { message: message("Survive") });
    await expect
      .poll(() => stream.frames.some((frame) => at(frame, "result", "artifactUpdate") !== undefined), { timeout: 15_000 })
      .toBe(true);
    await system.workers[0]?.kill();
    await system.workers[0]?.restart();
    await stream.over;
    let answer = "";
    for (const one of resultsOf(stream)) {
      const text = at(one, "artifactUpdate", "artifact", "parts", 0, "text");
      if (text !== undefined) answer = at(one, "artifactUpdate", "append") === true ? answer + String(text) : String(text);
    }
    const task = await result(a2a.rpc("GetTask", { id: String(at(resultsOf(stream)[0], "task", "id")) }));
    expect([answer, stateOf(task), at(task, "artifacts", 0, "parts", 0, "text")]).toEqual([
      "All of it",
      "TASK_STATE_COMPLETED",
      "All of it",
    ]);
  });
});
