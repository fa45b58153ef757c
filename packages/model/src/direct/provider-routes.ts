import { isObject } from "@parley/contracts";
import type { DirectAnswer, DirectRequest, DirectRoute } from "@parley/domain";
import type { Egress, RawResponse } from "@parley/egress";
import { brokenAnswer, toModelError } from "../openai-compatible/model-error.ts";
import { type Provider, secretNameOf } from "../provider.ts";
import { chatStream } from "./chat-stream.ts";
import { doubleReasoning } from "./double-reasoning.ts";
import { type Json, objectsIn } from "./known.ts";
import { refusalOf } from "./refusal.ts";
import { assumedMs, soundMs } from "./sound.ts";
import { UsageCount } from "./usage-count.ts";

const PATHS: Record<DirectRoute, string> = {
  chat: "/chat/completions",
  embeddings: "/embeddings",
  speech: "/audio/speech",
  transcriptions: "/audio/transcriptions",
};
/** Enough for what a refusal says. */
const REFUSAL_BYTES_MAX = 65_536;

const SAFE_TYPE = /^(?:audio\/[\w.+-]+|text\/(?:plain|vtt|event-stream))\s*(?:;|$)/i;

/** What is not sound and not plain text is passed on as bytes: nothing that a provider sends may become a page of ours. */
const typeOf = (contentType: string): string => (SAFE_TYPE.test(contentType) ? contentType : "application/octet-stream");

async function readText(body: AsyncIterable<Uint8Array>, bytesMax = Number.POSITIVE_INFINITY): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    pieces.push(piece);
    bytes += piece.byteLength;
    if (bytes > bytesMax) break;
  }
  return Buffer.concat(pieces).toString("utf8");
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** What is asked of the provider: the caller's own words, with the model's name as the provider knows it, and the usage always asked for. */
async function wireBody(
  { route, body, outputTokensMax }: DirectRequest,
  { model, outputLimit }: Pick<Provider, "outputLimit"> & { model: string },
): Promise<{ body: string | Uint8Array; contentType: string }> {
  if (body instanceof FormData) {
    const form = new FormData();
    for (const [name, value] of body) if (name !== "model") form.append(name, value);
    form.append("model", model);
    // Taken into memory, so that its length is known: many services refuse an upload without one.
    const packed = new Response(form);
    return { body: await packed.bytes(), contentType: packed.headers.get("content-type") ?? "multipart/form-data" };
  }
  const asked: Json = { ...body, model };
  if (outputTokensMax !== undefined) {
    // What is held for is the bound, in the word that the provider knows.
    delete asked.max_tokens;
    delete asked.max_completion_tokens;
    asked[outputLimit] = outputTokensMax;
  }
  if (route === "chat" && body.stream === true) {
    asked.stream_options = { ...(isObject(body.stream_options) ? body.stream_options : {}), include_usage: true };
  }
  return { body: JSON.stringify(asked), contentType: "application/json" };
}

const showsUsage = (body: Json): boolean =>
  (isObject(body.stream_options) && body.stream_options.include_usage === true) || (isObject(body.usage) && body.usage.include === true);

/** What fails while an answer is read is told as a failure of the model, unless it is the caller who left. */
async function* translated<Piece>(pieces: AsyncIterable<Piece>, provider: string, signal: AbortSignal): AsyncGenerator<Piece, void> {
  try {
    yield* pieces;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw toModelError(error, provider);
  }
}

async function wholeAnswer(response: RawResponse, provider: string, count: UsageCount): Promise<DirectAnswer> {
  const text = await readText(response.body);
  const value = parsed(text);
  if (!isObject(value)) throw brokenAnswer(provider, "the answer is no JSON object");
  if (value.error) throw refusalOf({ provider, status: 502, said: value });
  count.report(value.usage);
  const messages = objectsIn(value.choices).flatMap(({ message }) => (isObject(message) ? [message] : []));
  for (const message of messages) count.add(message);
  // A transcription, of a provider that counts nothing, or how long it was.
  if (typeof value.text === "string") count.addText(value.text.length);
  if (!count.isReported && typeof value.duration === "number") count.reportSeconds(value.duration);
  const changed = messages.map(doubleReasoning).includes(true);
  return { kind: "json", text: changed ? JSON.stringify(value) : text, value, usage: () => count.usage() };
}

/** Counts what is neither a message nor its pieces: what was heard before the answer, and what is spoken or written with it. */
async function* sensed(pieces: AsyncIterable<Uint8Array>, { route, count, contentType }: Sensing): AsyncGenerator<Uint8Array, void> {
  for await (const piece of pieces) {
    if (route === "speech") count.addSound(assumedMs(piece.byteLength, contentType));
    else count.addText(piece.byteLength);
    yield piece;
  }
}

interface Sensing {
  route: DirectRoute;
  count: UsageCount;
  contentType: string;
}

/** A provider's own routes, with its own words going both ways. */
export function createProviderRoutes(provider: Provider, egress: Pick<Egress, "open">) {
  const urls = Object.fromEntries(Object.entries(PATHS).map(([route, path]) => [route, new URL(`${provider.baseUrl}${path}`)])) as Record<
    DirectRoute,
    URL
  >;
  const modelsUrl = new URL(`${provider.baseUrl}/models`);
  const secret = provider.apiKey === null ? undefined : secretNameOf(provider);

  async function answer(request: DirectRequest, response: RawResponse): Promise<DirectAnswer> {
    const { status, headers, body } = response;
    if (status !== 200) {
      const text = await readText(body, REFUSAL_BYTES_MAX);
      throw refusalOf({ provider: provider.name, status, said: parsed(text) ?? text, retryAfter: headers["retry-after"] });
    }
    const count = new UsageCount(request);
    if (request.body instanceof FormData) count.addSound(await soundMs(request.body));
    const usage = () => count.usage();
    const contentType = String(headers["content-type"] ?? "");
    const { route, body: asked } = request;
    if (route === "chat" && !(asked instanceof FormData) && asked.stream === true && contentType.startsWith("text/event-stream")) {
      const stream = chatStream({ provider: provider.name, body, count, showsUsage: showsUsage(asked) });
      return { kind: "events", usage, events: translated(stream, provider.name, request.signal) };
    }
    if (route === "chat" || route === "embeddings" || contentType.includes("json")) return wholeAnswer(response, provider.name, count);
    const bytes = translated(sensed(body, { route, count, contentType }), provider.name, request.signal);
    return { kind: "bytes", usage, contentType: typeOf(contentType), bytes };
  }

  return {
    async call(request: DirectRequest, model: string): Promise<DirectAnswer> {
      const { body, contentType } = await wireBody(request, { model, outputLimit: provider.outputLimit });
      const { signal } = request;
      try {
        const headers = { "content-type": contentType };
        return await answer(request, await egress.open({ url: urls[request.route], method: "POST", headers, body, signal, secret }));
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        throw toModelError(error, provider.name);
      }
    },

    /** The provider's own list, by its own names. */
    async models(signal: AbortSignal): Promise<string[]> {
      const { status, body } = await egress.open({ url: modelsUrl, method: "GET", headers: {}, body: null, signal, secret });
      const value = parsed(await readText(body));
      if (status !== 200 || !isObject(value)) throw brokenAnswer(provider.name, `a list of models with status ${status}`);
      return objectsIn(value.data).flatMap(({ id }) => (typeof id === "string" ? [id] : []));
    },
  };
}
