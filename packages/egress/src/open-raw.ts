import { GatewayError } from "@parley/contracts";
import type { Dispatcher } from "undici";
import { boundDecoded } from "./bound-decoded.ts";
import { toEgressError } from "./egress-error.ts";
import { RawBody } from "./raw-body.ts";

type RawHeaders = Record<string, string | string[] | undefined>;

export interface RawRequest {
  url: URL;
  method: "GET" | "POST";
  headers: Record<string, string>;
  body: string | Uint8Array | null;
  signal: AbortSignal;
  /** The name of a secret to attach; the request is refused unless the secret is bound to its host. */
  secret?: string | undefined;
}

export interface RawResponse {
  status: number;
  headers: RawHeaders;
  /** Throws `egress_failed`, or once aborted the signal's reason. Must be read to its end, left early, or cancelled by the signal. */
  body: AsyncIterable<Uint8Array>;
}

/** Unpacks what was packed although nobody asked for it. */
function unpacked({ status, headers, body }: RawResponse, bytesMax: number): RawResponse {
  const encoding = headers["content-encoding"];
  if (encoding === undefined || encoding === "identity") return { status, headers, body };
  const given = new Response(ReadableStream.from(body), { status, headers: { "content-encoding": String(encoding) } });
  return { status, headers, body: boundDecoded(given, bytesMax).body ?? body };
}

/**
 * One request over the dispatcher, without the objects of `fetch`, which cost about as much as all the rest of a call that is only passed on. No
 * redirect is followed. An abort rejects, or ends the body, with the signal's reason, and destroys the socket.
 */
export const openRaw = (dispatcher: Dispatcher, request: Omit<RawRequest, "secret">, bytesMax: number): Promise<RawResponse> =>
  new Promise((resolve, reject) => {
    const { url, method, headers, body, signal } = request;
    if (signal.aborted) return reject(signal.reason);
    let control: Dispatcher.DispatchController | null = null;
    let incoming: RawBody | null = null;
    const settle = (): void => signal.removeEventListener("abort", onAbort);
    const fail = (error: unknown): void => {
      settle();
      if (incoming === null) reject(error);
      else incoming.fail(error);
    };
    const onAbort = (): void => {
      fail(signal.reason);
      control?.abort(new Error("aborted"));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    dispatcher.dispatch(
      { origin: url.origin, path: `${url.pathname}${url.search}`, method, headers, body },
      {
        onRequestStart: (controller) => {
          control = controller;
          if (signal.aborted) controller.abort(new Error("aborted"));
        },
        onResponseStart: (controller, status, raw) => {
          if (status < 200) return;
          incoming = new RawBody(controller);
          try {
            resolve(unpacked({ status, headers: raw, body: incoming }, bytesMax));
          } catch (error) {
            reject(error);
            controller.abort(error instanceof GatewayError ? error : new Error("the response cannot be read"));
          }
        },
        onResponseData: (_, piece) => incoming?.push(piece),
        onResponseEnd: () => {
          settle();
          incoming?.end();
        },
        onResponseError: (_, error) => fail(signal.aborted ? signal.reason : toEgressError(error, url.origin)),
      },
    );
  });
