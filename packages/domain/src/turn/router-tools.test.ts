import { type Agent, agentConfig, type DispatchMode } from "@parley/contracts";
import { describe, expect, it } from "vitest";
import { ASK_TOOL, routerTools } from "./router-tools.ts";

const target = (name: string, mode: DispatchMode = "sync", description = "") => {
  const agent: Agent = {
    id: name,
    organizationId: "o",
    name,
    description,
    version: 1,
    state: "active",
    config: agentConfig.parse({}),
    createdAt: "",
  };
  return { agent, mode, needsApproval: false, sensitive: false };
};
const names = (...given: string[]) => [
  ...routerTools(
    given.map((name) => target(name)),
    [],
    false,
  ).dispatch.keys(),
];

describe("routerTools", () => {
  it("names each tool so that every provider takes it", () => {
    expect(names("Häns & Co.", "日本", "  ", "x".repeat(200))).toEqual(["hans_co", "agent", "agent_2", "x".repeat(56)]);
    for (const name of names("a b", "É", "_-_", "9")) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
  });

  it("gives agents of one name names of their own, and each leads to its own agent", () => {
    const tools = routerTools([target("Joker"), target("joker!"), target("joker_2")], [], false);
    expect([...tools.dispatch].map(([name, { agent }]) => [name, agent.id])).toEqual([
      ["joker", "Joker"],
      ["joker_2", "joker!"],
      ["joker_2_2", "joker_2"],
    ]);
  });

  it("never lets an agent take the place of the tool that asks the user", () => {
    const tools = routerTools([target("ask user questions")], [], true);
    expect(tools.definitions.map((tool) => tool.name)).toEqual([`agent_${ASK_TOOL}`, ASK_TOOL]);
    expect(tools.dispatch.has(ASK_TOOL)).toBe(false);
  });

  it("offers the choice to wait or not only where the mode leaves it open", () => {
    const [auto, sync] = routerTools([target("a", "auto"), target("b", "sync", "Tells jokes")], [], false).definitions;
    expect(Object.keys(auto?.parameters.properties as object)).toEqual(["query", "background"]);
    expect(Object.keys(sync?.parameters.properties as object)).toEqual(["query"]);
    expect([auto?.description, sync?.description]).toEqual(["Hands work to the agent a.", "b: Tells jokes"]);
  });

  it("describes the questions with a schema that providers take", () => {
    const [ask] = routerTools([], [], true).definitions;
    expect(ask?.parameters).toMatchObject({ type: "object", properties: { questions: { type: "array" } }, required: ["questions"] });
  });
});
