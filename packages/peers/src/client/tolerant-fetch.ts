import { isObject } from "@parley/contracts";
import type { EgressFetch, Scrubber } from "@parley/egress";
import { type JsonObject, parseJson, textOf } from "../json-shape.ts";
import { readBounded } from "../read-bounded.ts";
import { TooMuch } from "../too-much.ts";
import type { Authorized } from "./authorize.ts";
import { type Exchange, INVALID_PARAMS, PARSE_ERROR } from "./exchange.ts";
import { tolerantEvents } from "./tolerant-events.ts";
import { tolerantResult } from "./tolerant-result.ts";

const MESSAGE_CHARS_MAX = 500;

interface WireOptions {
  fetch: EgressFetch;
  /** Headers or the name of a secret, for exactly this body. */
  authorize(url: string, body: string, signal: AbortSignal | null): Promise<Authorized>;
  /** What the peer has been shown: none of it comes back in a reason, which whoever reads it may write down. */
  shown: Scrubber;
  /** What went along was refused. */
  onUnauthorized(): void;
  exchange: Exchange;
  /** The peer speaks 0.3: its answers and its names of parameters are taken as they come. */
  isLegacy: boolean;
}

/**
 * The `fetch` that the SDK is given: the way out, with our credentials, bounds and tolerance. Where a peer of 0.3 does not know the parameter `id` or
 * `taskId` of a task, it is asked once more with `task_id`. Redirects are not followed: what was said to the one is not said to another.
 */
export function tolerantFetch({ fetch, authorize, shown, onUnauthorized, exchange, isLegacy }: WireOptions): typeof globalThis.fetch {
  async function send(url: string, init: RequestInit, body: string): Promise<Response> {
    const own = await authorize(url, body, init.signal ?? null);
    const headers = { ...Object.fromEntries(new Headers(init.headers)), ...Object.fromEntries(new Headers(own.headers)) };
    const { secret } = own;
    const response = await fetch(url, {
      ...init,
      body: body === "" ? null : body,
      headers,
      redirect: "error",
      shown,
      ...(secret === undefined ? {} : { secret }),
    });
    if (response.status === 401) onUnauthorized();
    return response;
  }

  return async (input, init = {}) => {
    const url = String(input instanceof Request ? input.url : input);
    exchange.refusal = null;
    if (typeof init.body !== "string") return readAnswer(await send(url, init, ""), undefined);
    const call = parseJson(init.body);
    const first = await readAnswer(await send(url, init, JSON.stringify(withTaskIds(call, "taskId"))), call);
    const refused: number | undefined = refusalCode(exchange);
    const mayFlip = isLegacy && isObject(call) && String(call.method).startsWith("tasks/") && taskIdOf(call) !== undefined;
    if (!mayFlip || (refused !== PARSE_ERROR && refused !== INVALID_PARAMS)) return first;
    await first.body?.cancel();
    exchange.refusal = null;
    return readAnswer(await send(url, init, JSON.stringify(withTaskIds(call, "task_id"))), call);
  };

  function withTaskIds(call: unknown, name: "taskId" | "task_id"): unknown {
    const id = isLegacy ? taskIdOf(call) : undefined;
    if (id === undefined || !isObject(call) || !isObject(call.params)) return call;
    return { ...call, params: name === "taskId" ? { ...call.params, taskId: id } : { task_id: id } };
  }

  async function readAnswer(response: Response, call: unknown): Promise<Response> {
    const type = response.headers.get("content-type") ?? "";
    const callId = isObject(call) ? call.id : undefined;
    if (response.ok && type.startsWith("text/event-stream") && response.body !== null) {
      const events = tolerantEvents(response.body, exchange, (data) => adapted(data, callId));
      return new Response(events, { status: response.status, headers: { "content-type": "text/event-stream" } });
    }
    const text = await readBounded(response, exchange.bytesLeft).catch((error: unknown) => {
      // Nothing more is read of this call.
      if (error instanceof TooMuch) exchange.bytesLeft = -1;
      throw error;
    });
    exchange.bytesLeft -= Buffer.byteLength(text);
    const json = response.ok ? parseJson(text) : shown.value(parseJson(text));
    noteRefusal(exchange, response, json);
    const body = json === undefined ? "" : JSON.stringify(adapted(json, callId));
    return new Response(body, { status: response.status, headers: { "content-type": "application/json" } });
  }

  function adapted(json: unknown, callId: unknown): unknown {
    // The SDK writes what it cannot read to the process's own output.
    if (!isObject(json)) return shown.value(json);
    const error = shown.value(json.error);
    if (isObject(error)) noteError(exchange, error, exchange.refusal?.status ?? 200);
    // What is no reason stays as it came, as it may be signed.
    const { result, ...envelope } = isObject(error) ? { ...json, error } : json;
    if (callId === undefined) return { result, ...envelope };
    const answer = result === undefined ? {} : { result: isLegacy ? tolerantResult(result) : result };
    // One request, one answer: whatever number it bears, it is this one's.
    return { ...envelope, ...answer, jsonrpc: "2.0", id: callId };
  }
}

const refusalCode = (exchange: Exchange): number | undefined => exchange.refusal?.code;

const taskIdOf = (call: unknown): string | undefined =>
  isObject(call) && isObject(call.params) && String(call.method).startsWith("tasks/") ? textOf(call.params.id) : undefined;

function noteRefusal(exchange: Exchange, response: Response, json: unknown): void {
  if (response.ok) return;
  exchange.refusal = { code: response.status, status: response.status, message: "" };
  if (isObject(json) && isObject(json.error)) noteError(exchange, json.error, response.status);
}

function noteError(exchange: Exchange, { code, message }: JsonObject, status: number): void {
  exchange.refusal = { code: Number(code) || 0, status, message: (textOf(message) ?? "").slice(0, MESSAGE_CHARS_MAX).toWellFormed() };
}
