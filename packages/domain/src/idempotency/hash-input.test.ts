import { expect, test } from "vitest";
import { hashInput } from "./hash-input.ts";

const hash = (input: unknown) => hashInput({ hashBody: (body) => body }, input);

test("the order of fields does not change the hash, at any depth; their values and the order of lists do", () => {
  expect(hash({ a: 1, b: { c: [1, { d: 2, e: 3 }], f: null } })).toBe(hash({ b: { f: null, c: [1, { e: 3, d: 2 }] }, a: 1 }));
  expect(hash({ a: [1, 2] })).not.toBe(hash({ a: [2, 1] }));
  expect(hash({ a: { b: 1 } })).not.toBe(hash({ a: { b: 2 } }));
  expect(hash(undefined)).toBe(hash(null));
});
