import type { Model } from "../model/model.ts";
import type { MeterReading } from "./meter-model.ts";

/** One vector per text, of the model that it names. */
export interface Embedded {
  model: string;
  vectors: number[][];
}

/** The only way to an embedding model; `meter` is told what a call that answered has used. */
export type MeteredEmbedding = (
  request: { texts: string[]; signal: AbortSignal },
  meter: (reading: MeterReading) => void,
) => Promise<Embedded>;

export const meterEmbedding =
  (model: Pick<Model, "embed">, name: string): MeteredEmbedding =>
  async (request, meter) => {
    const { vectors, usage } = await model.embed({ model: name, ...request });
    meter({ model: name, ...usage });
    return { model: name, vectors };
  };
