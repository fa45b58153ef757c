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
