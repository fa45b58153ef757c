import type { AppRouter } from "@parley/router";
import { TRPCClientError, type TRPCLink } from "@trpc/client";
import { observable } from "@trpc/server/observable";
import type { Fetch } from "./api.ts";
import { type Frame, readEventStream } from "./read-event-stream.ts";

interface SseOptions {
  /** Without a slash at its end. */
  url: string;
  fetch: Fetch;
  /** Asked for each connection, so that a rotated key is the fresh one. */
  headers(): Promise<Record<string, string>>;
  /** The gateway says something every 15 s; longer silence means that the connection is dead. */
  silenceMs?: number;
}

const SILENCE_MS = 45_000;

type Said = { type: "started" } | { type: "data"; id?: string; data: unknown } | { type: "stopped" };

/** What a frame says; null for a sign of life. Throws the gateway's typed errors. */
function understand({ event, data, id }: Frame): Said | null {
  switch (event) {
    case "connected":
      return { type: "started" };
    case "message": {
      const item: unknown = JSON.parse(data);
      return id === null ? { type: "data", data: item } : { type: "data", id, data: { id, data: item } };
    }
    case "serialized-error":
      throw TRPCClientError.from({ error: JSON.parse(data) });
    case "return":
      return { type: "stopped" };
    default:
      return null;
  }
}

/** The answer's stream. A typed refusal is thrown as such, anything else with its status under `meta`. */
async function openStream(response: Response): Promise<ReadableStream<Uint8Array>> {
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
  if (response.ok && isStream && response.body) return response.body;
  const body: unknown = await response.json().catch(() => null);
  const meta = { status: response.status };
  const cause = typeof body === "object" && body !== null ? body : new Error(`The gateway answered ${response.status}.`);
  throw TRPCClientError.from(cause, { meta });
}

/**
 * Ends a chain of links: subscriptions over SSE. Read with fetch and not with the browser's own reader, which can send no
 * key but in the address; the input goes in the body, so that what people write is in no log of addresses either.
 * It connects once: coming back is `resumeLink`'s.
 */
export const sseLink =
  ({ url, fetch, headers, silenceMs = SILENCE_MS }: SseOptions): TRPCLink<AppRouter> =>
  () =>
  ({ op }) =>
    observable((observer) => {
      const stop = new AbortController();
      let silence: ReturnType<typeof setTimeout> | undefined;
      const heard = (): void => {
        clearTimeout(silence);
        silence = setTimeout(() => stop.abort(new Error("The gateway has gone silent.")), silenceMs);
      };

      async function run(): Promise<void> {
        heard();
        const request = { method: "POST", body: JSON.stringify(op.input ?? {}), signal: stop.signal };
        const head = { ...(await headers()), accept: "text/event-stream", "content-type": "application/json" };
        const body = await openStream(await fetch(`${url}/${op.path}`, { ...request, headers: head }));
        for await (const frame of readEventStream(body, heard)) {
          const said = understand(frame);
          if (!said) continue;
          observer.next({ result: said });
          if (said.type === "stopped") return observer.complete();
        }
        throw new Error("The stream was cut.");
      }

      run()
        .catch((error: unknown) => observer.error(TRPCClientError.from(error instanceof Error ? error : new Error(String(error)))))
        .finally(() => {
          clearTimeout(silence);
          stop.abort();
        });
      return () => stop.abort();
    });
