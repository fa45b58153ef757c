import { randomUUID } from "node:crypto";
import { type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type A2aClient, all, answerIn, type Binding, type Said, type SentMessage } from "./support/a2a-client.ts";
import { currentClient } from "./support/current-client.ts";
import { legacyClient } from "./support/legacy-client.ts";

let system: System;
let agentId: string;
beforeAll(async () => {
  system = await startSystem({ apis: 2 });
  agentId = await system.ours.newAgent({ name: "Clerk", mayAsk: true, tools: [{ name: "look_up", url: `${system.tools.url}/look-up` }] });
});
afterAll(() => system.close());

const CLIENTS: ["1.0" | "0.3", Binding][] = [
  ["1.0", "JSONRPC"],
  ["1.0", "HTTP+JSON"],
  ["0.3", "JSONRPC"],
  ["0.3", "HTTP+JSON"],
];

const client = (version: "1.0" | "0.3", binding: Binding, api = 0): Promise<A2aClient> => {
  const url = `${system.apis[api]?.url}/a2a/agents/${agentId}`;
  return version === "1.0" ? currentClient(url, system.ours.apiKey, binding) : legacyClient(url, system.ours.apiKey, binding);
};
/** The SDK's client of 0.3 over HTTP+JSON reads everything of an artifact's update but that. */
const keepsAppend = (version: string, binding: Binding): boolean => version === "1.0" || binding === "JSONRPC";
const answerOf = (told: Said[], ...by: [string, Binding]): string =>
  answerIn(keepsAppend(...by) ? told : told.map((one) => ({ ...one, append: true })));
const said = (text: string, more: Partial<SentMessage> = {}): SentMessage => ({ text, messageId: randomUUID(), ...more });

/** A turn that the test lets go on. */
function held(text: string): { goOn(): void } {
  let goOn = (): void => {};
  const after = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  system.model.script({ text, after });
  return { goOn };
}
const ASK = { toolCalls: [{ name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "Which one?" }] } }] };

describe.each(CLIENTS)("a client of version %s over %s", (version, binding) => {
  test("gets an answer to a message, and finds its task again, with as much history as it wants", async () => {
    const a2a = await client(version, binding);
    system.model.script({ text: ["Hello ", "there"] });
    const task = await a2a.send(said("Hi"));
    expect(task).toMatchObject({ state: "completed", answer: "Hello there", history: ["Hi"] });
    expect(await a2a.get(task.id)).toEqual(task);
    if (binding === "JSONRPC") expect((await a2a.get(task.id, 0)).history).toEqual([]);
  });

  test("follows a message's task: itself first, then the answer as it comes, then its end", async () => {
    const a2a = await client(version, binding);
    system.model.script({ text: ["One ", "two ", "three"], delayMs: 60 });
    const told = await all(a2a.stream(said("Count")));
    expect(told[0]).toMatchObject({ kind: "task", history: ["Count"] });
    expect(told.at(-1)).toMatchObject({ kind: "status", state: "completed" });
    expect(answerOf(told, version, binding)).toBe("One two three");
    const artifacts = told.filter(({ kind }) => kind === "artifact");
    expect(artifacts.length).toBeGreaterThan(1);
    if (keepsAppend(version, binding)) {
      expect(artifacts.map((one) => one.kind === "artifact" && one.append)).toEqual(artifacts.map((_, index) => index > 0));
    }
  });

  test("does not wait where it does not want to, and subscribes at another replica: what there is, then what comes", async () => {
    const a2a = await client(version, binding);
    const { goOn } = held("At last");
    const task = await a2a.send(said("Take your time", { waits: false }));
    expect(["submitted", "working"]).toContain(task.state);
    const elsewhere = await client(version, binding, 1);
    const told: Said[] = [];
    for await (const one of elsewhere.subscribe(task.id)) {
      told.push(one);
      goOn();
    }
    expect(told[0]).toMatchObject({ kind: "task", id: task.id, history: ["Take your time"] });
    expect(answerOf(told, version, binding)).toBe("At last");
    expect(told.at(-1)).toMatchObject({ kind: "status", state: "completed" });
  });

  test("cancels from another replica: the turn ends, and its stream says so", async () => {
    const a2a = await client(version, binding);
    // No order of replies: its end may come before the model is asked.
    system.model.when(({ lastUserText }) => lastUserText === "Never ends", { hang: true });
    const told: Said[] = [];
    for await (const one of a2a.stream(said("Never ends"))) {
      told.push(one);
      if (one.kind === "task")
        expect(await (await client(version, binding, 1)).cancel(one.id)).toMatchObject({ id: one.id, state: "canceled" });
    }
    expect(told.at(-1)).toMatchObject({ kind: "status", state: "canceled" });
    const [first] = told;
    if (first?.kind !== "task") throw new Error("A stream begins with its task.");
    expect(await a2a.get(first.id)).toMatchObject({ state: "canceled" });
  });

  test("is asked, answers with the next message to the task, and has both in its history", async () => {
    const a2a = await client(version, binding);
    system.model.script(ASK, { text: "The red one, then" });
    const asked = await a2a.send(said("Choose"));
    expect(asked).toMatchObject({ state: "input-required", question: "Which one?" });
    const done = await a2a.send(said("Red", { taskId: asked.id }));
    expect(done).toMatchObject({ id: asked.id, contextId: asked.contextId, state: "completed", answer: "The red one, then" });
    expect(done.history).toEqual(["Choose", "Which one?", "Red"]);
  });

  test("goes on in a context, also in one that it has named itself", async () => {
    const a2a = await client(version, binding);
    system.model.script({ text: "first" }, { text: "second" });
    const contextId = `my context ${randomUUID()}`;
    const first = await a2a.send(said("One", { contextId }));
    const second = await a2a.send(said("Two", { contextId }));
    expect([first.contextId, second.contextId]).toEqual([contextId, contextId]);
    expect(second.id).not.toBe(first.id);
    expect(JSON.stringify(system.model.journal.at(-1)?.body.messages)).toContain("first");
  });

  test("sends a message twice and gets one task", async () => {
    const a2a = await client(version, binding);
    system.model.script({ text: "once" });
    const message = said("Only once");
    const [one, other] = await Promise.all([a2a.send(message), a2a.send(message)]);
    expect(other).toMatchObject({ id: one.id, answer: "once" });
    expect(await a2a.send(message)).toMatchObject({ id: one.id, answer: "once" });
  });

  test("sends a file, which the model is shown", async () => {
    const a2a = await client(version, binding);
    system.model.script({ text: "read" });
    const bytes = Buffer.from("the words of the file").toString("base64");
    const parts =
      version === "1.0"
        ? [{ text: "Read this" }, { raw: bytes, mediaType: "text/plain", filename: "words.txt" }]
        : [
            { kind: "text", text: "Read this" },
            { kind: "file", file: { bytes, mimeType: "text/plain", name: "words.txt" } },
          ];
    const task = await a2a.send(said("", { parts }));
    expect(task.state).toBe("completed");
    expect(JSON.stringify(system.model.journal.at(-1)?.body)).toContain("the words of the file");
  });

  test("says whom to tell of a task, looks at it, and takes it back", async () => {
    const a2a = await client(version, binding);
    system.model.script({ text: "done" });
    const { id } = await a2a.send(said("Hello"));
    const push = { id: "mine", url: `${system.tools.url}/${randomUUID()}` };
    expect(await a2a.setPush(id, push)).toEqual(push);
    expect(await a2a.setPush(id, push)).toEqual(push);
    expect(await a2a.getPush(id, "mine")).toEqual(push);
    expect(await a2a.listPushes(id)).toEqual([push]);
    await a2a.deletePush(id, "mine");
    await a2a.deletePush(id, "mine");
    expect(await a2a.listPushes(id)).toEqual([]);
  });

  test("reads the card for those who may use the agent, which tells of its tools", async () => {
    expect(await (await client(version, binding)).skills()).toEqual(["Clerk", "look_up"]);
  });
});
