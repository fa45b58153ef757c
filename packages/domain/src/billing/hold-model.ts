import type { Usage } from "@parley/contracts";
import type { ModelRequest } from "../model/model.ts";
import type { MeteredEmbedding } from "./meter-embedding.ts";
import type { MeteredModel } from "./meter-model.ts";
import type { Purse } from "./purse.ts";

/** Fewer than four characters a token: what is set aside is rather too much than too little, and only what was used is charged. */
const CHARS_PER_TOKEN = 3;
const tokensIn = (chars: number): number => Math.ceil(chars / CHARS_PER_TOKEN);

function promptTokens({ messages, tools }: ModelRequest): number {
  const chars = messages.reduce((sum, message) => sum + message.content.length, 0);
  return tokensIn(chars + JSON.stringify(tools).length) + messages.length;
}

/**
 * A model that is called only with money set aside for it: for the prompt before the call, and for each part of the answer before it is passed on. The
 * provider waits meanwhile. `ready` resolves when an effect outside may be started: the wait for money may have been long.
 */
export const holdModel =
  (model: MeteredModel, purse: Purse, ready: () => Promise<void>): MeteredModel =>
  async (request, { onText, meter }) => {
    const allowance = await purse.begin({ model: request.model, inputTokens: promptTokens(request), signal: request.signal });
    let used: Usage | null = null;
    let chars = 0;
    let pieces = 0;
    try {
      await ready();
      return await model(request, {
        onText(text) {
          chars += text.length;
          pieces += 1;
          const covered = allowance.cover(Math.max(pieces, tokensIn(chars)));
          return covered === undefined ? onText(text) : covered.then(() => onText(text));
        },
        meter(reading) {
          used = reading;
          meter(reading);
        },
      });
    } finally {
      allowance.settle(used);
    }
  };

/** The same for vectors, whose cost is known before. */
export const holdEmbedding =
  (embed: MeteredEmbedding, name: string, purse: Purse): MeteredEmbedding =>
  async (request, meter) => {
    const inputTokens = tokensIn(request.texts.reduce((sum, text) => sum + text.length, 0));
    const allowance = await purse.begin({ model: name, inputTokens, signal: request.signal });
    let used: Usage | null = null;
    try {
      return await embed(request, (reading) => {
        used = reading;
        meter(reading);
      });
    } finally {
      allowance.settle(used);
    }
  };
