import { expect, it } from "vitest";
import { Scrubber } from "./scrubber.ts";

const TOKEN = 'to"k/en+1=';
const scrubber = new Scrubber();
scrubber.add(TOKEN);
scrubber.add("");
/** Whichever way it is written. */
const forms = [TOKEN, JSON.stringify(TOKEN), encodeURIComponent(TOKEN), Buffer.from(TOKEN).toString("base64")];

it.each(forms)("%s is taken out of texts, values and bytes, and what stands around it stays", (form) => {
  expect(scrubber.text(`before ${form} after ${form}`)).toMatch(/^before "?\[secret\]"? after "?\[secret\]"?$/);
  const clean = scrubber.value({ [form]: 1, list: [{ said: `is ${form}.`, count: 2 }], other: null });
  expect(JSON.stringify(clean)).toMatch(
    /^\{"\\?"?\[secret\]\\?"?":1,"list":\[\{"said":"is \\?"?\[secret\]\\?"?\.","count":2\}\],"other":null\}$/,
  );
  expect(scrubber.bytes(Buffer.from(`ü ${form}`)).toString()).toMatch(/^ü "?\[secret\]"?$/);
});

it("what only looks like one across the signs of JSON, or in a number, stays, and breaks nothing", () => {
  const odd = new Scrubber();
  for (const secret of ["123456", "n-secret", "schlüssel"]) odd.add(secret);
  const value = { count: 123456, text: "line\n-secret" };
  expect(odd.value(value)).toEqual(value);
  expect(odd.bytes(Buffer.from("ein schlüssel ist da")).toString()).toBe("ein [secret] ist da");
});

it("base64 counts without its padding, and as addresses write it", () => {
  const login = new Scrubber();
  login.add("us?r:pa>>wör");
  const base64 = Buffer.from("us?r:pa>>wör").toString("base64");
  expect(login.text(`${base64.replace(/=+$/, "")}.`)).toBe("[secret].");
  expect(login.text(`${Buffer.from("us?r:pa>>wör").toString("base64url")}.`)).toBe("[secret].");
});

it("what holds nothing of it is the same as it was", () => {
  const value = { a: ["tok", 1] };
  expect(scrubber.value(value)).toBe(value);
  expect(new Scrubber().text("to")).toBe("to");
});

it("a text that comes in pieces is passed on without it, wherever it is cut, and nothing else is lost", () => {
  const text = `to ${TOKEN} and to"k ${TOKEN}${TOKEN} to`;
  for (let size = 1; size < text.length; size += 1) {
    const pieces = scrubber.pieces();
    let told = "";
    for (let at = 0; at < text.length; at += size) told += pieces.take(text.slice(at, at + size));
    expect(told + pieces.rest()).toBe('to [secret] and to"k [secret][secret] to');
  }
});
