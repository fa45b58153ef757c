import { agentConfig, LIMITS } from "@parley/contracts";
import { describe, expect, it } from "vitest";
import { checkConfig } from "./check-config.ts";

const check = (tools: object[]) => () =>
  checkConfig(agentConfig.parse({ tools: tools.map((tool) => ({ url: "https://a.example", ...tool })) }), LIMITS);
const refusal = (...path: (string | number)[]) =>
  expect.objectContaining({ issues: [expect.objectContaining({ path: ["config", "tools", ...path] })] });

describe("checkConfig", () => {
  it("takes tools that can be called", () => {
    expect(check([])).not.toThrow();
    expect(check([{ name: "one" }, { name: "two", parameters: { type: "object", properties: { a: { type: "string" } } } }])).not.toThrow();
  });

  it("refuses a tool whose name is another's, or the question's", () => {
    expect(check([{ name: "one" }, { name: "two" }, { name: "one" }])).toThrow(refusal(2, "name"));
    expect(check([{ name: "ask_user_questions" }])).toThrow(refusal(0, "name"));
  });

  it("refuses a tool whose arguments cannot be checked, and says why", () => {
    const broken = check([{ name: "one" }, { name: "two", parameters: { type: "object", properties: { a: { $ref: "#/nowhere" } } } }]);
    expect(broken).toThrow(refusal(1, "parameters"));
    expect(broken).toThrow(
      expect.objectContaining({ issues: [expect.objectContaining({ message: expect.stringContaining("#/nowhere") })] }),
    );
  });
});
