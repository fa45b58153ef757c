import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { decodeBase58, encodeBase58 } from "./base58.ts";

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));

test.each([
  ["", ""],
  ["61", "2g"],
  ["626262", "a3gV"],
  ["516b6fcd0f", "ABnLTmg"],
  ["00000000000000000000", "1111111111"],
  ["00eb15231dfceb60925886b67d065299925915aeb172c06647", "1NS17iag9jJgTHD1VXjvLCEnZuQ3rJDE9L"],
])("%s is %s", (hex, text) => {
  expect(encodeBase58(bytes(hex))).toBe(text);
  expect(decodeBase58(text, hex.length / 2)).toEqual(bytes(hex));
});

test("what was written is read again, with zeros before it and without", () => {
  for (let round = 0; round < 500; round++) {
    const given = new Uint8Array([...new Uint8Array(round % 5), ...randomBytes(round % 64)]);
    expect(decodeBase58(encodeBase58(given), given.length)).toEqual(given);
  }
});

describe("is no key:", () => {
  test.each(["0OIl", "2g ", "é", "2".repeat(129)])("%s", (text) => expect(decodeBase58(text, 3)).toBeNull());
  test("another number of bytes", () => expect(decodeBase58("a3gV", 4)).toBeNull());
});
