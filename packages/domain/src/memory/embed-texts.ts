import type { EmbeddingUse, MeteredEmbedding } from "../billing/meter-embedding.ts";
import type { Log } from "../logger.ts";
import type { Embedding } from "./memory-store.ts";

interface Ports {
  embed: MeteredEmbedding;
  log: Log;
}

interface Asked {
  texts: string[];
  signal: AbortSignal;
  use: EmbeddingUse;
}

/** Nothing waits longer for an embedding: words find a memory, too. */
const EMBED_MS = 5_000;

/** A vector for each text; none where the embedding model does not answer. Throws only when the signal is aborted. */
export async function embedTexts({ embed, log }: Ports, { texts, signal, use }: Asked): Promise<Embedding[]> {
  try {
    const { model, vectors } = await embed({ texts, signal: AbortSignal.any([signal, AbortSignal.timeout(EMBED_MS)]) }, use);
    return vectors.map((vector) => ({ model, vector }));
  } catch (error) {
    signal.throwIfAborted();
    log.warn({ err: error }, "no embedding; memories are found by their words alone");
    return [];
  }
}
