import { NO_USAGE, type Usage } from "@parley/contracts";
import type { ModelChunk, ModelRequest } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";
import { type Provider, secretNameOf } from "../provider.ts";
import { type Assembly, addEvent, finishChunk, newAssembly } from "./assemble.ts";
import { brokenAnswer, refusedBy, toModelError } from "./model-error.ts";
import { readEvents } from "./read-events.ts";
import { requestBody } from "./request-body.ts";

const CHARS_PER_TOKEN = 4;

interface Embeddings {
  data: { index: number; embedding: number[] }[];
  usage?: { prompt_tokens?: number };
}

/** What a provider says about a failed call; providers put it in different places, or say it in plain text. */
const wordsOf = (text: string): string => {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } };
    return typeof error?.message === "string" ? error.message : text;
  } catch {
    return text;
  }
};

/** One call of a provider's route. The egress adds the key, on the way to the provider's own host only. Throws for any status but a good one. */
const callerOf = (provider: Provider, fetch: EgressFetch) => {
  const secret = provider.apiKey === null ? {} : { secret: secretNameOf(provider) };
  return async (path: string, body: object, signal: AbortSignal): Promise<Response> => {
    const headers = { "content-type": "application/json" };
    const asked = { method: "POST", headers, body: JSON.stringify(body), signal, ...secret };
    const response = await fetch(`${provider.baseUrl}${path}`, asked);
    if (response.ok) return response;
    const { status } = response;
    const retryAfter = response.headers.get("retry-after");
    throw refusedBy({ provider: provider.name, status, message: wordsOf(await response.text()), retryAfter });
  };
};

/** What came before a failure in the same network read is shown still. */
const takeEvents = (assembly: Assembly, events: string[]): { chunks: ModelChunk[]; failure: unknown } => {
  const chunks: ModelChunk[] = [];
  try {
    for (const event of events) addEvent(assembly, event, chunks);
    return { chunks, failure: null };
  } catch (failure) {
    return { chunks, failure };
  }
};

/**
 * An OpenAI-compatible provider's models. `model` is the name without the provider's prefix. A burst of tokens becomes one chunk. The wire is
 * spoken here and not by OpenAI's client, which takes 0.1 s of processor to load and half as much again to read an answer.
 */
export const createOpenaiCompatible = (provider: Provider, fetch: EgressFetch) => {
  const call = callerOf(provider, fetch);

  async function* stream(request: ModelRequest, model: string): AsyncGenerator<ModelChunk> {
    const { signal } = request;
    signal.throwIfAborted();
    const upstream = new AbortController();
    const stop = () => upstream.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    const assembly = newAssembly(provider.name);
    let ended = false;
    try {
      const { body } = await call("/chat/completions", requestBody(request, model, provider), upstream.signal);
      if (body === null) throw brokenAnswer(provider.name, "the response has no body");
      for await (const events of readEvents(body)) {
        const { chunks, failure } = takeEvents(assembly, events);
        for (const chunk of chunks) {
          signal.throwIfAborted();
          yield chunk;
        }
        if (failure !== null) throw failure;
      }
      ended = true;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const failure = toModelError(error, provider.name);
      // A connection that breaks after the provider said it was done has lost the usage at most.
      if (assembly.reason === null || failure === error) throw failure;
    } finally {
      signal.removeEventListener("abort", stop);
      if (!ended) upstream.abort();
    }
    yield finishChunk(assembly);
  }

  const embed = async (texts: string[], model: string, signal: AbortSignal): Promise<{ vectors: number[][]; usage: Usage }> => {
    signal.throwIfAborted();
    if (texts.length === 0) return { vectors: [], usage: NO_USAGE };
    try {
      const response = await call("/embeddings", { model, input: texts, encoding_format: "float" }, signal);
      const answer = (await response.json()) as Embeddings;
      const vectors = answer.data.toSorted((a, b) => a.index - b.index).map((row) => row.embedding);
      if (vectors.length !== texts.length) throw brokenAnswer(provider.name, `${vectors.length} vectors for ${texts.length} texts`);
      // Not every provider counts; then a token is taken as four characters.
      const chars = texts.reduce((sum, text) => sum + text.length, 0);
      const inputTokens = answer.usage?.prompt_tokens ?? Math.ceil(chars / CHARS_PER_TOKEN);
      return { vectors, usage: { ...NO_USAGE, inputTokens, modelCalls: 1, estimated: answer.usage?.prompt_tokens === undefined } };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw toModelError(error, provider.name);
    }
  };

  return { stream, embed };
};
