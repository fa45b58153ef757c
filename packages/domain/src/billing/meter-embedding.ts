import { NO_USAGE } from "@parley/contracts";
import type { Model } from "../model/model.ts";
import type { MeterReading, ModelUse } from "./meter-model.ts";

/** One vector per text, of the model that it names. */
export interface Embedded {
  model: string;
  vectors: number[][];
}

/** As of a model: `meter` is called exactly once per call; one that did not answer has used nothing. */
export type EmbeddingUse = Pick<ModelUse, "onCall" | "meter">;

/** The only way to an embedding model. */
export type MeteredEmbedding = (request: { texts: string[]; signal: AbortSignal }, use: EmbeddingUse) => Promise<Embedded>;

/** What texts use, by our estimate: four characters are a token, as of any prompt. */
export const estimateEmbedding = (model: string, texts: string[]): MeterReading => ({
  ...{ model, ...NO_USAGE },
  inputTokens: Math.ceil(texts.reduce((sum, text) => sum + text.length, 0) / 4),
  modelCalls: 1,
  estimated: true,
});

export const meterEmbedding =
  (model: Pick<Model, "embed">, name: string): MeteredEmbedding =>
  async (request, { onCall, meter }) => {
    onCall?.(() => estimateEmbedding(name, request.texts));
    let used: MeterReading = { model: name, ...NO_USAGE };
    try {
      const { vectors, usage } = await model.embed({ model: name, ...request });
      used = { model: name, ...usage };
      return { model: name, vectors };
    } finally {
      meter(used);
    }
  };
