import { expect, test } from "vitest";
import { type ToldMessage, toldHistory } from "./told-history.ts";

const user = (text: string): ToldMessage => ({ role: "user", text });
const assistant = (text: string): ToldMessage => ({ role: "assistant", text });
const told = (history: ToldMessage[], priorSummary = "", summaryCharsMax = 200) => toldHistory(history, { priorSummary, summaryCharsMax });

test("questions stand with their answers, and nothing that was said is lost", () => {
  expect(told([user("a"), assistant("b"), user("c"), user("d"), assistant("e"), assistant("f"), user("g")])).toEqual({
    summaries: [],
    turns: [
      { text: "a", result: "b" },
      { text: "c\n\nd", result: "e\n\nf" },
      { text: "g", result: null },
    ],
  });
  expect(told([assistant("hello")]).turns).toEqual([{ text: "[what was asked is not shown]", result: "hello" }]);
  expect(told([])).toEqual({ summaries: [], turns: [] });
});

test("a long summary is cut between paragraphs, a long paragraph between words, and all of it is kept", () => {
  const paragraphs = Array.from({ length: 6 }, (_, index) => `${index} ${"word ".repeat(11).trim()}`);
  const { summaries } = told([], paragraphs.join("\n\n"));
  expect(summaries.length).toBeGreaterThan(1);
  for (const part of summaries) expect(part.length).toBeLessThanOrEqual(200);
  expect(summaries.join("\n\n")).toBe(paragraphs.join("\n\n"));
  const long = Array.from({ length: 120 }, (_, index) => `word${index}`).join(" ");
  const cut = told([], long).summaries;
  for (const part of cut) expect(part.length).toBeLessThanOrEqual(200);
  expect(cut.flatMap((part) => part.split(/\s+/)).join(" ")).toBe(long);
  expect(told([], "x".repeat(500)).summaries.join("").replaceAll(/\s/g, "")).toBe("x".repeat(500));
});
