import { GatewayError } from "@parley/contracts";
import type { Dispatcher } from "undici";

/** A small response is taken in whole, so that its connection is free again even if nobody reads it. */
const BUFFERED_BYTES = 65_536;
const WITHOUT_BODY = new Set([204, 205, 304]);

export type OutgoingBody = string | Uint8Array | ReadableStream<Uint8Array> | null;

export interface Outgoing {
  url: URL;
  method: string;
  headers: Headers;
  body: OutgoingBody;
  signal: AbortSignal | null;
}

const headersOf = (raw: Record<string, string | string[] | undefined>): Headers => {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw)) {
    if (typeof value === "string") headers.set(name, value);
    else for (const one of value ?? []) headers.append(name, one);
  }
  return headers;
};

/**
 * One request over the dispatcher, as a `Response`; no redirect is followed and nothing is unpacked. An abort rejects, or
 * errors the body, with the signal's reason, and destroys the socket. Written on the dispatcher itself because the undici
 * package's own `fetch` costs about twice the CPU: 0.22 against 0.09 ms per small request, 1.7 against 0.95 ms per stream
 * of 64 tokens.
 */
export const dispatchFetch = (dispatcher: Dispatcher, { url, method, headers, body, signal }: Outgoing): Promise<Response> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    let control: Dispatcher.DispatchController | null = null;
    let incoming: ReadableStreamDefaultController<Uint8Array> | null = null;
    let pending: Uint8Array[] = [];

    const settle = () => signal?.removeEventListener("abort", onAbort);
    const fail = (error: unknown) => {
      settle();
      pending = [];
      const reader = incoming;
      incoming = null;
      if (reader === null) reject(error);
      else reader.error(error);
    };
    /** All that one read of the socket brought goes to the reader as one chunk: tokens often come several at a time. */
    const deliver = () => {
      const [first] = pending;
      if (first === undefined) return;
      incoming?.enqueue(pending.length === 1 ? first : Buffer.concat(pending));
      pending = [];
      if ((incoming?.desiredSize ?? 1) <= 0) control?.pause();
    };
    const onAbort = () => {
      fail(signal?.reason);
      control?.abort(new Error("aborted"));
    };
    signal?.addEventListener("abort", onAbort, { once: true });

    const responseOf = (status: number, raw: Record<string, string | string[] | undefined>, controller: Dispatcher.DispatchController) => {
      const stream = new ReadableStream<Uint8Array>(
        {
          start: (streamController) => {
            incoming = streamController;
          },
          pull: () => controller.resume(),
          cancel: () => {
            settle();
            incoming = null;
            controller.abort(new Error("the reader gave up"));
          },
        },
        { highWaterMark: BUFFERED_BYTES, size: (chunk) => chunk.byteLength },
      );
      const response = new Response(WITHOUT_BODY.has(status) || method === "HEAD" ? null : stream, { status, headers: headersOf(raw) });
      return Object.defineProperty(response, "url", { value: url.href });
    };

    dispatcher.dispatch(
      {
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers: [...headers].flat(),
        body: body as Dispatcher.DispatchOptions["body"] & {},
      },
      {
        onRequestStart: (controller) => {
          control = controller;
          if (signal?.aborted) controller.abort(new Error("aborted"));
        },
        onResponseStart: (controller, status, raw) => {
          if (status < 200) return;
          try {
            resolve(responseOf(status, raw, controller));
          } catch (cause) {
            const error = new GatewayError("egress_failed", { detail: `${url.origin} answers with a malformed status or header`, cause });
            reject(error);
            controller.abort(error);
          }
        },
        onResponseData: (_, chunk) => {
          if (incoming === null) return;
          pending.push(chunk);
          if (pending.length === 1) queueMicrotask(deliver);
        },
        onResponseEnd: () => {
          settle();
          deliver();
          incoming?.close();
          incoming = null;
        },
        onResponseError: (_, error) => {
          deliver();
          fail(error);
        },
      },
    );
  });
