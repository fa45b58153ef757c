import { agentConfig } from "@parley/contracts";
import { describe, expect, it } from "vitest";
import { historyMessages, systemMessages, userMessage } from "./build-prompt.ts";
import type { PastTurn } from "./turn-store.ts";

const CHARS_MAX = 4_000;
const agent = (instructions: string) => ({ id: "a", version: 1, name: "A", description: "", config: agentConfig.parse({ instructions }) });
const past = (text: string, more: Partial<PastTurn> = {}): PastTurn => ({
  text,
  files: [],
  result: `answer to ${text}`,
  status: "completed",
  reason: null,
  children: null,
  steers: null,
  cards: null,
  tainted: false,
  ...more,
});

describe("systemMessages", () => {
  it("is silent where there is nothing to say", () => {
    expect(systemMessages(agent(""), {})).toEqual([]);
  });

  it("joins the instructions with what the caller adds to the turn, and an override takes their place", () => {
    const options = { additionalContext: "It rains.", expectedOutput: "A word.", outputFormat: "json" as const };
    expect(systemMessages(agent("Be kind."), options)).toEqual([
      { role: "system", content: "Be kind.\n\nAdditional context:\nIt rains.\n\nExpected output:\nA word.\n\nAnswer as json." },
    ]);
    expect(systemMessages(agent("Be kind."), { instructionsOverride: "Be brief." })).toEqual([{ role: "system", content: "Be brief." }]);
  });
});

describe("historyMessages", () => {
  it("is the past turns, oldest first, each as question and answer", () => {
    expect(historyMessages([past("one"), past("two", { files: ["https://f"] })], CHARS_MAX)).toEqual([
      { role: "user", content: "one" },
      { role: "assistant", content: "answer to one" },
      { role: "user", content: "two", files: ["https://f"] },
      { role: "assistant", content: "answer to two" },
    ]);
  });

  it("says why a turn has no whole answer, and what its background tasks found since", () => {
    const told = (more: Partial<PastTurn>) => historyMessages([past("q", more)], CHARS_MAX).at(-1)?.content;
    expect(told({ status: "stopped", result: "half" })).toBe("half\n[stopped by the user]");
    expect(told({ status: "failed", reason: "timeout", result: null })).toBe("[ended without an answer: timeout]");
    const child = { id: "c", status: "completed" as const, query: "dig", result: "gold" };
    expect(told({ result: "started", children: [child] })).toBe("started\n[background task c, completed: gold]");
  });

  it("keeps the newest whole turns that fit the bound, and always the newest", () => {
    const long = "x".repeat(CHARS_MAX / 4);
    const kept = historyMessages([past("old"), ...Array.from({ length: 5 }, () => past("q", { result: long })), past("new")], CHARS_MAX);
    expect(kept[0]).toMatchObject({ role: "user", content: "q" });
    expect(kept).toHaveLength(8);
    expect(historyMessages([past("old"), past("new", { result: "x".repeat(2 * CHARS_MAX) })], CHARS_MAX)).toHaveLength(2);
  });
});

describe("userMessage", () => {
  it("names files only where there are some", () => {
    expect(userMessage("a", [])).toEqual({ role: "user", content: "a" });
  });
});
