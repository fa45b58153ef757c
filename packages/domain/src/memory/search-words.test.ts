import { expect, it } from "vitest";
import { searchWords } from "./search-words.ts";

const words = (text: string) => searchWords(text).map(({ word }) => word);

it("gives each word once, in lower case, without marks", () => {
  expect(words("What is the Code of THE vault, what?")).toEqual(["what", "is", "the", "code", "of", "vault"]);
  expect(words('tangerine-42 a_b "Ärger" don\'t')).toEqual(["tangerine", "42", "a", "b", "ärger", "don", "t"]);
  expect(words(" … !! ")).toEqual([]);
});

it("takes texts without spaces apart, and looks for their words inside others", () => {
  const found = searchWords("我的猫叫汤姆");
  expect(found.map(({ word }) => word)).toContain("猫");
  expect(found.every(({ within }) => within)).toBe(true);
  expect(searchWords("cat").every(({ within }) => within)).toBe(false);
});

it("takes no more words, and none longer, than a search may have", () => {
  expect(words(Array.from({ length: 500 }, (_, index) => `w${index}`).join(" "))).toHaveLength(32);
  expect(words("x".repeat(5_000))).toEqual(["x".repeat(64)]);
});
