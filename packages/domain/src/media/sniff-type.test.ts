import { expect, test } from "vitest";
import { sniffType } from "./sniff-type.ts";

const head = (text: string) => Buffer.from(text, "latin1");

test.each([
  ["\x89PNG\r\n\x1a\n...", "text/html", "image/png"],
  ["RIFF0000WEBPVP8 ", null, "image/webp"],
  ["RIFF0000WAVEfmt ", null, "audio/wav"],
  ["RIFF0000AVI LIST", null, "application/octet-stream"],
  ["%PDF-1.7", "text/plain", "application/pdf"],
  ["0000ftypisom", null, "video/mp4"],
  ["a,b\n1,2", "text/csv; charset=utf-8", "text/csv"],
  ["<html>", "text/plain", "text/plain"],
  ["<html>", "text/html", "application/octet-stream"],
  ["<svg/>", "image/svg+xml", "application/octet-stream"],
  ["\0\0binary", "text/plain", "application/octet-stream"],
  ["anything", null, "application/octet-stream"],
  ["", "text/plain", "text/plain"],
])("%j declared as %s is %s", (text, declared, type) => {
  expect(sniffType(head(text), declared)).toBe(type);
});
