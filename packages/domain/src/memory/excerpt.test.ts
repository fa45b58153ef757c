import { expect, it } from "vitest";
import { excerpt } from "./excerpt.ts";
import { searchWords } from "./search-words.ts";

it("is the whole text where that is short", () => {
  expect(excerpt("The code is 42.", searchWords("code"), 100)).toBe("The code is 42.");
});

it("is the piece with most of the words, and shows where something is left out", () => {
  const text = `${"The vault. ".repeat(40)}${"blah ".repeat(100)}the code of the vault is tangerine${" blah".repeat(200)}`;
  const piece = excerpt(text, searchWords("code vault tangerine"), 200);
  expect(piece).toContain("the code of the vault is tangerine");
  expect(piece).toMatch(/^….*…$/s);
  expect(piece.length).toBeLessThanOrEqual(202);
});

it("is the beginning where none of the words is there", () => {
  expect(excerpt("a".repeat(300), searchWords("zebra"), 100)).toBe(`${"a".repeat(100)}…`);
});
