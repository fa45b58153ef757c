import { expect, it } from "vitest";
import { userName } from "./user-name.ts";

it("is the same for the same letters, however they are encoded or padded; the case counts", () => {
  expect(["José", "Jose\u0301", "  José\t\n", "\u0000José"].map(userName)).toEqual(Array(4).fill("José"));
  expect(userName("JOSÉ")).toBe("JOSÉ");
});

it("names nobody where nothing is said, and nothing that no database keeps", () => {
  expect([undefined, null, "", " \t\u0000"].map(userName)).toEqual([null, null, null, null]);
  expect(userName("a\ud800b")).toBe("a\ufffdb");
});
