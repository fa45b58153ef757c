import { type Agent, agentConfig, type DispatchMode } from "@parley/contracts";
import { describe, expect, it } from "vitest";
import { planCall } from "./plan-call.ts";
import { routerTools } from "./router-tools.ts";

const agent: Agent = {
  id: "a",
  organizationId: "o",
  name: "Leaf",
  description: "",
  version: 3,
  state: "active",
  config: agentConfig.parse({}),
  createdAt: "",
};
const plan = (
  name: string,
  given: unknown,
  more: { mode?: DispatchMode; forcedMode?: DispatchMode; refused?: string; mayAsk?: boolean; sensitive?: boolean; tainted?: boolean } = {},
) =>
  planCall(
    { id: "c1", name, arguments: typeof given === "string" ? given : JSON.stringify(given) },
    {
      tools: routerTools([{ agent, mode: more.mode ?? "sync", needsApproval: false, sensitive: more.sensitive ?? false }], [], true),
      mayAsk: more.mayAsk ?? true,
      forcedMode: more.forcedMode ?? null,
      childrenRefused: more.refused ?? null,
      hopsLeft: 1,
      tainted: more.tainted ?? false,
    },
  );

describe("planCall", () => {
  it("dispatches to the agent's version of now, under a new id each time", () => {
    const one = plan("leaf", { query: "work" });
    const two = plan("leaf", { query: "work" });
    expect(one).toMatchObject({ act: "dispatch", callId: "c1", agentId: "a", agentVersion: 3, mode: "sync", query: "work" });
    expect(one.act === "dispatch" && two.act === "dispatch" && one.childId !== two.childId).toBe(true);
  });

  it.each([
    ["sync", undefined, true, "sync"],
    ["async", undefined, false, "async"],
    ["auto", undefined, true, "async"],
    ["auto", undefined, false, "sync"],
    ["sync", "async", false, "async"],
    ["async", "sync", true, "sync"],
    ["sync", "auto", true, "async"],
  ] as const)("a tool's mode %s, forced to %s, with background %s, is %s", (mode, forcedMode, background, chosen) => {
    const forced = forcedMode === undefined ? {} : { forcedMode };
    expect(plan("leaf", { query: "q", background }, { mode, ...forced })).toMatchObject({ mode: chosen });
  });

  it("asks the user with every default filled in, and only where that is allowed", () => {
    const questions = [{ id: "q", text: "Which?" }];
    expect(plan("ask_user_questions", { questions })).toMatchObject({
      act: "ask",
      questions: [{ id: "q", multiSelect: false, allowFreeText: true, required: true, options: [] }],
    });
    expect(plan("ask_user_questions", { questions }, { mayAsk: false })).toMatchObject({ act: "refuse" });
    expect(plan("ask_user_questions", { questions: [] })).toMatchObject({ act: "refuse" });
  });

  it.each([
    ["leaf", '{"query":', "The arguments are not valid JSON."],
    ["leaf", { query: "" }, "do not fit the schema"],
    ["leaf", "", "do not fit the schema"],
    ["leaf", null, "do not fit the schema"],
    ["nobody", { query: "x" }, "There is no tool nobody."],
    ["constructor", { query: "x" }, "There is no tool constructor."],
  ])("what cannot be done is refused in words that the model can use: %s %j", (name, given, text) => {
    expect(plan(name, given)).toMatchObject({ act: "refuse", callId: "c1", text: expect.stringContaining(text) });
  });

  it("refuses a child where no more may be started, and says why", () => {
    expect(plan("leaf", { query: "x" }, { refused: "Too deep." })).toEqual({ act: "refuse", callId: "c1", text: "Too deep." });
  });
});
