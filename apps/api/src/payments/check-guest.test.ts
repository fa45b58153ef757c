import type { Gateway } from "@parley/domain";
import { expect, it } from "vitest";
import { checkGuest } from "./check-guest.ts";
import { transcriptionPlugin } from "./plugins/model-plugins.ts";
import type { Plugin } from "./plugins/plugin.ts";

const limits = { guestInputCharsMax: 10, guestAudioBytesMax: 1_024, audioBytesMax: 1, guestOutputTokensMax: 1 };
const plugin = transcriptionPlugin({
  ...{ gateway: {} as Gateway, limits, openStream: () => () => undefined },
  models: { text: "a", speech: "b", transcription: "c" },
});
const check = (body: Record<string, unknown>) => () => checkGuest({ plugin, body }, limits);

it("lets a guest send so many bytes of sound, and not one more, under any of its names", () => {
  for (const name of ["audio", "input"]) {
    for (const bytes of [1, 1_022, 1_023, 1_024]) expect(check({ [name]: Buffer.alloc(bytes).toString("base64") })).not.toThrow();
    for (const bytes of [1_025, 1_026, 100_000]) {
      const refused = { code: "bad_request", message: "At most 1024 bytes of sound without a key." };
      expect(check({ [name]: Buffer.alloc(bytes).toString("base64") })).toThrow(expect.objectContaining(refused));
    }
  }
});

it("who has no key may have so much read as is set, and nothing but text", () => {
  const asking = (chars?: number) => () => {
    const reads = chars === undefined ? {} : { charsToRead: () => chars };
    const textual: Plugin = {
      auth: false,
      streams: false,
      usesModels: true,
      prepare: () => Promise.reject(new Error("not asked for")),
      ...reads,
    };
    checkGuest({ plugin: textual, body: {} }, limits);
  };
  expect(asking(10)).not.toThrow();
  expect(asking()).not.toThrow();
  expect(asking(11)).toThrow("At most 10 characters without a key.");
  expect(asking(Number.POSITIVE_INFINITY)).toThrow("Only text without a key.");
});
