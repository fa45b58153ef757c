import type { ModelRequest } from "../model/model.ts";
import type { MeteredEmbedding } from "./meter-embedding.ts";
import { type MeteredModel, type MeterReading, picturesIn } from "./meter-model.ts";
import type { Purse } from "./purse.ts";

/** Fewer than four characters a token: what is set aside is rather too much than too little, and only what was used is charged. */
const CHARS_PER_TOKEN = 3;
const tokensIn = (chars: number): number => Math.ceil(chars / CHARS_PER_TOKEN);

function promptTokens({ messages, tools = [] }: ModelRequest): number {
  const chars = messages.reduce(
    (sum, message) => sum + message.content.length + (message.role === "assistant" ? JSON.stringify(message.toolCalls ?? []).length : 0),
    0,
  );
  return tokensIn(chars + JSON.stringify(tools).length) + messages.length;
}

/**
 * A model that is called only with money set aside for it: for the prompt before the call, and for each part of the answer before it is passed on. The
 * provider waits meanwhile. `ready` resolves when an effect outside may be started: the wait for money may have been long.
 */
export const holdModel =
  (model: MeteredModel, purse: Purse, ready: () => Promise<void>): MeteredModel =>
  async (request, { onText, onCall, meter }) => {
    const { model: name, messages, maxOutputTokens = null, reasoningEffort = "none", signal } = request;
    const answer = { tokensMax: maxOutputTokens, choices: 1, isUnseen: reasoningEffort !== "none" };
    const asked = { model: name, inputTokens: promptTokens(request), images: picturesIn(messages), answer, signal };
    const allowance = await purse.begin(asked);
    const bounded = allowance.tokensMax === null ? request : { ...request, maxOutputTokens: allowance.tokensMax };
    let used: MeterReading | null = null;
    let chars = 0;
    let pieces = 0;
    /** Of the piece that is being passed on, as far as it has been. */
    let begun = 0;
    const tokensBehind = (more: number): number => Math.max(pieces, tokensIn(chars + more));

    /** Much at once is passed on as far as there is money for it. */
    async function passOn(text: string): Promise<void> {
      for (let end = 0; begun < text.length; begun = end) {
        end = endOfPart(text, begun);
        await allowance.cover(tokensBehind(end));
        await onText(text.slice(begun, end));
      }
      chars += text.length;
      begun = 0;
    }

    try {
      await ready();
      return await model(bounded, {
        ...(onCall === undefined ? {} : { onCall }),
        // Of calls and reasoning nothing can be passed on in part: the provider is heard no further than there is money.
        onUnsaid(more) {
          pieces += 1;
          chars += more;
          if (!allowance.isCovered(tokensBehind(0))) return allowance.cover(tokensBehind(0));
        },
        onText(text) {
          pieces += 1;
          if (!allowance.isCovered(tokensBehind(text.length))) return passOn(text);
          chars += text.length;
          return onText(text);
        },
        meter(reading) {
          used = begun > 0 && reading.estimated ? { ...reading, outputTokens: reading.outputTokens + tokensIn(begun) } : reading;
          meter(used);
        },
      });
    } finally {
      allowance.settle(used);
    }
  };

const PART_CHARS = 48;

/** No letter of two halves is cut. */
function endOfPart(text: string, from: number): number {
  const end = Math.min(from + PART_CHARS, text.length);
  return /[\ud800-\udbff]/.test(text.charAt(end - 1)) ? Math.min(end + 1, text.length) : end;
}

/** The same for vectors, whose cost is known before. */
export const holdEmbedding =
  (embed: MeteredEmbedding, name: string, purse: Purse): MeteredEmbedding =>
  async (request, { onCall, meter }) => {
    const inputTokens = tokensIn(request.texts.reduce((sum, text) => sum + text.length, 0));
    const allowance = await purse.begin({ model: name, inputTokens, signal: request.signal });
    let used: MeterReading | null = null;
    try {
      return await embed(request, {
        ...(onCall === undefined ? {} : { onCall }),
        meter(reading) {
          if (reading.modelCalls > 0) used = reading;
          meter(reading);
        },
      });
    } finally {
      allowance.settle(used);
    }
  };
