import { describe, expect, it } from "vitest";
import { localEmbed } from "./local-embed.ts";

const near = (a: string, b: string): number => {
  const [first = [], second = []] = localEmbed([a, b]).vectors;
  return first.reduce((sum, value, index) => sum + value * (second[index] ?? 0), 0);
};

describe("local/embed", () => {
  it("gives unit vectors of 256 numbers, the same for the same text, also for an empty one", () => {
    for (const vector of localEmbed(["databases keep rows", "", "?!"]).vectors) {
      expect(vector).toHaveLength(256);
      expect(Math.hypot(...vector)).toBeCloseTo(1, 10);
    }
    expect(localEmbed(["a word"]).vectors).toEqual(localEmbed(["a word"]).vectors);
  });

  it("puts texts with common words nearer than texts without", () => {
    expect(near("postgres keeps rows", "rows kept in postgres")).toBeGreaterThan(near("postgres keeps rows", "birds sing at dawn") + 0.3);
    expect(near("joke", "jokes")).toBeGreaterThan(0.99);
  });

  it("counts four characters as a token", () => {
    expect(localEmbed(["12345678", "1"]).usage).toMatchObject({ inputTokens: 3, modelCalls: 1, estimated: false });
  });
});
