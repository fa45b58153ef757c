import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { at, type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askPlan, of, type PlanCall, planFrames, postPlan, textOf, theOrderOf } from "./support/ask-plan.ts";

let system: System;
let recipes: string;
beforeAll(async () => {
  recipes = await mkdtemp(join(tmpdir(), "parley-recipes-"));
  await writeFile(join(recipes, "soup.md"), "---\ndescription: How soup is made\n---\nBoil water.");
  await writeFile(join(recipes, "secret.md"), "---\ndescription: Never\n---\nHidden.");
  await writeFile(join(recipes, "costly.md"), "---\ndescription: Only with leave\n---\nSpend money.");
  system = await startSystem({
    env: {
      PLANNER_MODEL: "custom/scripted",
      GATEWAY_API_KEY: "dev-gateway-key",
      RECIPES_DIR: recipes,
      PLANNER_RECIPES: '{"*":"allow","secret":"deny","costly":"ask"}',
    },
  });
});
afterAll(async () => {
  await system.close();
  await rm(recipes, { recursive: true, force: true });
});

const call = (body: unknown, more: Partial<PlanCall> = {}): PlanCall => ({
  url: system.apis[0]?.url ?? "",
  apiKey: system.ours.apiKey,
  body,
  ...more,
});
const ask = (body: object, more: Partial<PlanCall> = {}) => askPlan(call(body, more));
const load = (name: string) => ({ toolCalls: [{ name: "load_recipe", arguments: { name } }] });
const lastRequest = () => system.model.journal.at(-1)?.body ?? expect.fail("Nothing was asked.");
const stateOf = async (conversationId: unknown, planner: string) =>
  (await system.rest().call(`/v1/agents/${planner}/gateway/conversations/${String(conversationId)}/run-state`)).body;
const plannerOf = async (conversationId: unknown): Promise<string> =>
  String(at((await system.rest().call(`/v1/tasks/${String(conversationId)}`)).body, "agent_id"));

describe("a plan", () => {
  test("without agents is session, plan, text, final and done, in this order, each with an id", async () => {
    system.model.script({ text: ["Hello", " there"] });
    const frames = await ask({ question: "Hi", unknown: true, preferences: { maxSteps: 3 } });
    expect(theOrderOf(frames)).toEqual(["session", "plan", "text.delta", "final", "done"]);
    expect(textOf(frames)).toBe("Hello there");
    const [session] = of(frames, "session");
    expect(session).toEqual({ session_id: expect.any(String), external_session_id: null, created: true });
    expect(of(frames, "plan")).toEqual([{ plan_id: expect.any(String), session_id: session?.session_id }]);
    expect(new Set(of(frames, "text.delta").map(({ part_id: part }) => part)).size).toBe(1);
    expect(of(frames, "final")).toEqual([
      {
        session_id: session?.session_id,
        stop_reason: "stop",
        usage: { inputTokens: expect.any(Number), outputTokens: expect.any(Number), totalTokens: expect.any(Number), cachedInputTokens: 0 },
      },
    ]);
    expect(frames.at(-1)).toMatchObject({ event: "done", data: {} });
    expect(new Set(frames.map(({ id }) => id)).size).toBe(frames.length);
  });

  test("is let in by the key of the settings with any content type; a wrong one is told nothing", async () => {
    system.model.script({ text: "Hello" });
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    expect(textOf(await ask({ question: "Hi" }, { apiKey: "dev-gateway-key", headers }))).toBe("Hello");
    const refused = await postPlan(call("{", { apiKey: "dev-gateway-kez" }));
    expect([refused.status, await refused.json()]).toEqual([401, { error: "unauthorized" }]);
  });

  test("whose model fails is final with its usage, a typed error, and done", async () => {
    system.model.script({ status: 400 });
    const frames = await ask({ question: "Hi" });
    expect(theOrderOf(frames)).toEqual(["session", "plan", "final", "error", "done"]);
    expect(of(frames, "final")).toMatchObject([{ stop_reason: "error", usage: { totalTokens: 0 } }]);
    expect(of(frames, "error")).toEqual([
      {
        session_id: expect.any(String),
        code: "model_rejected",
        message: expect.any(String),
        retryable: false,
        last_event_id: expect.any(String),
      },
    ]);
  });

  test("that takes longer than asked for ends with its deadline", async () => {
    system.model.script({ tokens: 9, breaks: { afterChunks: 3, how: "hang" } });
    const frames = await ask({ question: "Hi", preferences: { timeout_ms: 1_000 } });
    expect(of(frames, "error")).toMatchObject([{ code: "timeout", message: "plan deadline exceeded after 1000 ms", retryable: false }]);
    expect(textOf(frames)).not.toBe("");
    expect(frames.at(-1)?.event).toBe("done");
  });

  test("has its last step without tools, and a third identical call in a row is answered and not made", async () => {
    system.model.script(load("soup"), load("soup"), load("soup"), { text: "Enough" });
    const frames = await ask({ question: "Soup?", preferences: { max_steps: 4 } });
    expect(of(frames, "task.finished").map(({ state }) => state)).toEqual(["completed", "completed", "failed"]);
    expect(of(frames, "task.artifact")[2]?.content).toMatch(/not made again/);
    expect(textOf(frames)).toBe("Enough");
    expect(lastRequest().tools ?? []).toEqual([]);
    expect(JSON.stringify(lastRequest().messages)).toContain("This is the last step");
  });

  test("that asks the user is final with input-required, and the next plan of the session answers", async () => {
    system.model.script(
      { toolCalls: [{ name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "Red or white?" }] } }] },
      { text: "White it is" },
    );
    const first = await ask({ question: "Wine?", session_id: "asks" });
    expect(of(first, "task.artifact")).toEqual([
      {
        task_id: expect.any(String),
        agent: "gateway",
        agent_did: null,
        agent_did_source: null,
        content: "Red or white?",
        title: "@gateway/ask_user_questions",
      },
    ]);
    expect(of(first, "task.finished")).toMatchObject([{ agent: "gateway", state: "input-required" }]);
    expect(of(first, "final")).toMatchObject([{ stop_reason: "input-required", usage: { totalTokens: expect.any(Number) } }]);
    expect(first.at(-1)?.event).toBe("done");
    const second = await ask({ question: "white", session_id: "asks" });
    expect(textOf(second)).toBe("White it is");
    expect(of(second, "session")).toMatchObject([{ created: false, external_session_id: "asks" }]);
    expect(of(second, "final")).toMatchObject([{ stop_reason: "stop" }]);
    expect(JSON.stringify(lastRequest().messages)).toContain('\\"freeText\\":\\"white\\"');
  });
});

describe("a disconnect", () => {
  /** Leaves when there is some text. */
  async function leave(body: object): Promise<string> {
    const left = new AbortController();
    let sessionId = "";
    const reading = async () => {
      for await (const { event, data } of planFrames(call(body, { signal: left.signal }))) {
        if (event !== "text.delta") continue;
        sessionId = String(data.session_id);
        left.abort();
      }
    };
    await expect(reading()).rejects.toThrow("aborted");
    return sessionId;
  }

  test("detaches: the plan goes on without its reader", async () => {
    const gate = Promise.withResolvers<void>();
    system.model.script(
      { toolCalls: [{ name: "load_recipe", arguments: { name: "soup" } }], text: "Let me see. " },
      { text: "Done", after: gate.promise },
    );
    const sessionId = await leave({ question: "Soup?" });
    gate.resolve();
    const planner = await plannerOf(sessionId);
    await expect.poll(async () => at(await stateOf(sessionId, planner), "state")).toBe("idle");
    expect(at((await system.rest().call(`/v1/tasks/${sessionId}`)).body, "result")).toBe("Done");
  });

  test("stops the plan where its caller asks for that, down to the model's socket, and what waits behind it goes on", async () => {
    system.model.script({ tokens: 9, breaks: { afterChunks: 3, how: "hang" } });
    const session = { session_id: "leaves" };
    const asked = system.model.journal.length;
    const waiting = Promise.withResolvers<void>();
    const left = new AbortController();
    const leaving = (async () => {
      for await (const { event } of planFrames(
        call({ question: "Hi", ...session, preferences: { abort_on_disconnect: true } }, { signal: left.signal }),
      )) {
        if (event === "text.delta") waiting.resolve();
      }
    })().catch(() => undefined);
    await waiting.promise;
    system.model.script({ text: "Next" });
    const behind = planFrames(call({ question: "And then?", ...session }));
    const [first] = [(await behind.next()).value];
    expect(first).toMatchObject({ event: "session", data: { created: false } });
    left.abort();
    await leaving;
    const frames = [];
    for await (const frame of behind) frames.push(frame);
    expect(textOf(frames)).toBe("Next");
    await expect.poll(() => system.model.journal[asked]?.outcome).toBe("aborted");
  });
});

describe("recipes", () => {
  test("are listed to the model and loaded by name; one that is denied is neither", async () => {
    system.model.script(load("soup"), load("secret"), { text: "Served" });
    const frames = await ask({ question: "Soup?" });
    expect(of(frames, "task.started")).toMatchObject([
      { agent: "load_recipe", skill: "", agent_did: null, input: { name: "soup" } },
      { agent: "load_recipe" },
    ]);
    expect(of(frames, "task.artifact")[0]?.content).toBe('<recipe_content name="soup">\nBoil water.\n</recipe_content>');
    expect(of(frames, "task.finished").map(({ state }) => state)).toEqual(["completed", "failed"]);
    const tool = JSON.stringify(lastRequest().tools);
    expect(tool).toContain("How soup is made");
    expect(tool).not.toMatch(/secret|Never/);
    expect(JSON.stringify(lastRequest().messages)).not.toContain("Hidden");
  });

  test("one that must be asked for waits for a person's approval, which no message gives", async () => {
    system.model.script(load("costly"), { text: "Without it" });
    const first = await ask({ question: "Spend", session_id: "costly" });
    expect(of(first, "final")).toMatchObject([{ stop_reason: "input-required" }]);
    expect(of(first, "task.artifact")).toMatchObject([{ agent: "gateway", title: "@gateway/approval" }]);
    const second = await ask({ question: "approved", session_id: "costly" });
    expect(textOf(second)).toBe("Without it");
    expect(JSON.stringify(lastRequest().messages)).not.toContain("Spend money");
  });
});

describe("without a session", () => {
  const message = (role: string, text: string) => ({ role, parts: [{ type: "text", text }] });

  test("a plan begins with the history and the summary that are sent, and resumes nothing", async () => {
    system.model.script({ text: "One" }, { text: "Two" });
    const history = [message("user", "Who are you?"), message("assistant", "A planner.")];
    const body = { question: "And?", session_id: "told", history, prior_summary: "They met in May." };
    const first = await ask(body);
    const messages = lastRequest().messages ?? [];
    expect(JSON.stringify(messages[0])).toContain("They met in May.");
    expect(messages.slice(1).map(({ role, content }) => [role, content])).toEqual([
      ["user", "Who are you?"],
      ["assistant", "A planner."],
      ["user", "And?"],
    ]);
    const second = await ask(body);
    const sessions = [first, second].map((frames) => of(frames, "session")[0]);
    expect(sessions).toMatchObject([
      { external_session_id: "told", created: true },
      { external_session_id: "told", created: true },
    ]);
    expect(sessions[0]?.session_id).not.toBe(sessions[1]?.session_id);
  });

  test("a long history is summarised before the plan, and what was summarised before is in what is told, twice over", async () => {
    system.model.when(
      ({ body }) => JSON.stringify(body.messages?.[0]).includes("Summarise a part"),
      ({ body }) => ({ text: `Known: ${[...new Set(JSON.stringify(body.messages).match(/FACT-\w+/g))].join(" ")}` }),
    );
    const long = (fact: string) =>
      Array.from({ length: 40 }, (_, index) => [
        message("user", `${fact} question ${index}`),
        message("assistant", `${"so ".repeat(400)}`),
      ]).flat();
    system.model.otherwise({ text: "done" });
    const first = await ask({ question: "And?", history: long("FACT-one"), prior_summary: "FACT-zero was before." });
    expect(theOrderOf(first).slice(0, 3)).toEqual(["session", "compaction-summary", "plan"]);
    const [told] = of(first, "compaction-summary");
    expect(told).toMatchObject({
      tokens_before: expect.any(Number),
      tokens_after: expect.any(Number),
      messages_compacted: expect.any(Number),
    });
    expect(told?.summary).toContain("FACT-zero");
    expect(told?.summary).toContain("FACT-one");
    const second = await ask({ question: "And?", history: long("FACT-two"), prior_summary: told?.summary });
    const [again] = of(second, "compaction-summary");
    for (const fact of ["FACT-zero", "FACT-one", "FACT-two"]) expect(again?.summary).toContain(fact);
    expect(JSON.stringify(lastRequest().messages)).toContain("FACT-zero");
  });
});

describe("what does not fit is refused before the stream, in the protocol's shape:", () => {
  const agent = { name: "joker", endpoint: "http://joker.example", skills: [{ id: "joke" }] };

  test.each<[string, unknown, RegExp]>([
    ["no JSON", "{", /not JSON/],
    ["no object", "[]", /^\(root\): /],
    ["no question", {}, /^question: /],
    ["an empty question", { question: "" }, /^question: /],
    ["half a surrogate pair", '{"question":"\\ud800"}', /./],
    ["a NUL", '{"question":"a\\u0000"}', /./],
    ["an agent without an address", { question: "x", agents: [{ name: "a" }] }, /^agents\.0\.endpoint: /],
    ["an address with a password", { question: "x", agents: [{ ...agent, endpoint: "http://a:b@c" }] }, /^agents\.0\.endpoint: /],
    ["a file as an address", { question: "x", agents: [{ ...agent, endpoint: "file:///etc/passwd" }] }, /^agents\.0\.endpoint: /],
    ["a DID that is none", { question: "x", agents: [{ ...agent, trust: { pinnedDID: "me" } }] }, /^agents\.0\.trust\.pinnedDID: /],
    ["too little time", { question: "x", preferences: { timeout_ms: 999 } }, /^preferences\.timeout_ms: /],
    ["too much time", { question: "x", preferences: { timeout_ms: 21_600_001 } }, /^preferences\.timeout_ms: /],
    ["a step too few", { question: "x", preferences: { max_steps: 0 } }, /^preferences\.max_steps: /],
    ["a history of systems", { question: "x", history: [{ role: "system", parts: [{ type: "text", text: "a" }] }] }, /^history\.0\.role: /],
    ["a message without parts", { question: "x", history: [{ role: "user", parts: [] }] }, /^history\.0\.parts: /],
    ["two wrong fields", { question: "", agents: 7 }, /question: .*; agents: /],
  ])("%s", async (_what, body, detail) => {
    const before = await system.rowCounts();
    const response = await postPlan(call(body));
    const refused = (await response.json()) as { error: string; detail: string; issues?: unknown[] };
    expect([response.status, refused.error]).toEqual([400, "invalid_request"]);
    expect(refused.detail).toMatch(detail);
    for (const issue of refused.issues ?? []) expect(issue).toEqual({ path: expect.any(String), message: expect.any(String) });
    expect(await system.rowCounts()).toEqual(before);
  });

  test("skills whose tool ids collide, by all that produce them", async () => {
    const agents = ["a-b", "a b", "a.b"].map((name) => ({ ...agent, name }));
    const response = await postPlan(call({ question: "x", agents }));
    expect([response.status, await response.json()]).toMatchObject([
      400,
      {
        error: "invalid_request",
        detail: expect.stringContaining("a-b/joke and a b/joke and a.b/joke have the same tool id call_a_b_joke"),
      },
    ]);
  });

  test("a history beyond the limit, a key without the scope, another method, a wrong id to go on from", async () => {
    const history = Array.from({ length: 201 }, () => ({ role: "user", parts: [{ type: "text", text: "x" }] }));
    expect((await postPlan(call({ question: "x", history }))).status).toBe(400);
    const reader = await system.ours.newKey({ scopes: ["conversations:read"] });
    const forbidden = await postPlan(call({ question: "x" }, { apiKey: reader }));
    expect([forbidden.status, await forbidden.json()]).toMatchObject([403, { error: "missing_scope" }]);
    const read = await fetch(`${system.apis[0]?.url}/plan`);
    expect([read.status, read.headers.get("allow")]).toEqual([405, "POST"]);
    for (const id of ["x", "1-1", "____", `${"a_".repeat(7)}1`]) {
      const wrong = await postPlan(call({ question: "x" }, { headers: { "last-event-id": id } }));
      expect([wrong.status, await wrong.json()]).toMatchObject([400, { error: "invalid_request" }]);
    }
  });

  test("a key for one agent plans with that agent, one for several cannot", async () => {
    const mine = await system.ours.newAgent({ instructions: "You are the only one." });
    const other = await system.ours.newAgent();
    system.model.script({ text: "Mine" });
    const one = await system.ours.newKey({ scopes: ["conversations:write", "conversations:read"], agentIds: [mine] });
    expect(textOf(await ask({ question: "x" }, { apiKey: one }))).toBe("Mine");
    expect(JSON.stringify(lastRequest().messages)).toContain("You are the only one.");
    const several = await system.ours.newKey({ scopes: ["conversations:write"], agentIds: [mine, other] });
    expect((await postPlan(call({ question: "x" }, { apiKey: several }))).status).toBe(403);
  });
});

test("health says what the gateway is", async () => {
  const { status, body } = await system.rest(0, null).call("/health");
  expect([status, body]).toMatchObject([
    200,
    {
      ...{ status: "ok", health: "healthy", ready: true, version: expect.any(String), uptime_seconds: expect.any(Number) },
      runtime: {
        storage_backend: "postgres",
        planner: { model: "custom/scripted", provider: "custom", model_id: "scripted", max_steps: 10 },
        recipe_count: 3,
        did_signing_enabled: false,
      },
      application: { name: "parley", session_mode: "stateful", gateway_did: null },
    },
  ]);
});
