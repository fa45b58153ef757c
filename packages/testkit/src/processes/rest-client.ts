import { eventFrames } from "./event-frames.ts";

/** One event of the REST door, under the cursor that a reader may resume from. */
export interface RestEvent {
  id: string | null;
  type: string;
  taskId: string;
  data: unknown;
}

export interface RestAnswer {
  status: number;
  headers: Headers;
  text: string;
  /** Parsed, where it is JSON. */
  body: unknown;
}

export interface RestRequest {
  method?: string;
  /** Sent as JSON; text, bytes and forms are sent as they are. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export interface RestClient {
  call(path: string, request?: RestRequest): Promise<RestAnswer>;
  /** The events of a stream, until the gateway ends it or the signal aborts. Throws where the answer is no stream, or is cut. */
  stream(path: string, request?: RestRequest): AsyncGenerator<RestEvent, void>;
}

/** What stands at a path of members and indexes; undefined where there is no such place. */
export const at = (value: unknown, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>(
    (inner, member) => (typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>)[member] : undefined),
    value,
  );

type RawBody = string | Uint8Array<ArrayBuffer> | FormData;
const isRaw = (body: unknown): body is RawBody => typeof body === "string" || body instanceof Uint8Array || body instanceof FormData;

/** Speaks to one replica with one key; with null it sends no credential. */
export function createRestClient(url: string, apiKey: string | null): RestClient {
  const send = (path: string, { method, body, headers, signal }: RestRequest): Promise<Response> =>
    fetch(`${url}${path}`, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: {
        ...(apiKey !== null && { "x-api-key": apiKey }),
        // A form names its own type, with the boundary.
        ...(body !== undefined && !(body instanceof FormData) && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: isRaw(body) ? body : JSON.stringify(body) }),
      ...(signal && { signal }),
    });

  return {
    async call(path, request = {}) {
      const response = await send(path, request);
      const text = await response.text();
      const isJson = response.headers.get("content-type")?.includes("json") ?? false;
      return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
    },
    async *stream(path, request = {}) {
      const response = await send(path, request);
      if (!response.headers.get("content-type")?.startsWith("text/event-stream") || response.body === null) {
        throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
      }
      for await (const { id, data } of eventFrames(response.body)) {
        const event = JSON.parse(data) as { type: string; task_id: string; data: unknown };
        yield { id, type: event.type, taskId: event.task_id, data: event.data };
      }
    },
  };
}
