import type { AppRouter } from "@parley/router";
import { createTRPCClient, createWSClient, httpBatchLink, splitLink, type TRPCClientError, type TRPCLink, wsLink } from "@trpc/client";
import type { Api, CallOptions, Fetch } from "./api.ts";
import { refusalOf } from "./refusal.ts";
import { resumeLink } from "./resume-link.ts";
import type { LogEvent, Routes, StreamItem } from "./routes.ts";
import { sseLink } from "./sse-link.ts";

/** `connecting` again and again while the gateway cannot be reached; `error` says why. */
export interface ConnectionState {
  state: "connecting" | "open";
  error: unknown;
}

export interface ClientOptions {
  /** Where the gateway is, for example `http://127.0.0.1:4766`. */
  url: string;
  /** The key, or what gives it: it is asked for each connection and call, so that a rotated key is picked up. */
  apiKey: string | (() => string | Promise<string>);
  /** How subscriptions travel; `sse` where nothing is said. With `websocket` all calls go over the one socket. */
  transport?: "sse" | "websocket";
  onConnectionState?: (state: ConnectionState) => void;
  /** Instead of the global one. */
  fetch?: Fetch;
}

type FollowInput = Omit<Routes["turn"]["follow"]["input"], "lastEventId">;
type AskInput = Omit<Routes["turn"]["stream"]["input"], "lastEventId">;

export interface Client extends Api {
  /** A conversation's events, from the start or after a cursor, until the signal aborts or the loop is left. */
  follow(input: FollowInput, options?: CallOptions): AsyncIterableIterator<LogEvent>;
  /** Sends a message and yields what becomes of it, until its turn is over. */
  ask(input: AskInput, options?: CallOptions): AsyncIterableIterator<StreamItem>;
  /** Closes the socket, where there is one. */
  close(): Promise<void>;
}

/** Failures in a row, with up to 10 s between them, until a subscription gives up. */
const FAILURES_MAX = 12;
const BATCH_MAX = 10;
const URL_CHARS_MAX = 8_000;
const PING_MS = 20_000;
const PONG_WAIT_MS = 10_000;

interface Connection {
  link: TRPCLink<AppRouter>;
  close(): Promise<void>;
}

/** A client of one gateway. It connects when it is first used. Errors of calls: see `refusalOf`. */
export function createClient(options: ClientOptions): Client {
  const { url, apiKey, transport = "sse", onConnectionState } = options;
  const base = `${url.replace(/\/+$/, "")}/trpc`;
  let sent: string | null = null;
  const currentKey = async (): Promise<string> => (typeof apiKey === "function" ? apiKey() : apiKey);
  const useKey = async (): Promise<string> => {
    sent = await currentKey();
    return sent;
  };

  async function mayResume(error: TRPCClientError<AppRouter>, failures: number): Promise<boolean> {
    if (failures > FAILURES_MAX) return false;
    const refusal = refusalOf(error);
    if (refusal?.code === "unauthenticated") return (await currentKey()) !== sent;
    if (refusal) return refusal.retry;
    const status = error.meta?.status;
    return typeof status !== "number" || status >= 500 || status === 429;
  }

  const overHttp = (): Connection => {
    const headers = async () => ({ "x-api-key": await useKey() });
    const fetch: Fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
    const calls = httpBatchLink<AppRouter>({
      url: base,
      headers,
      fetch: (url, init) => fetch(String(url), init as RequestInit),
      maxItems: BATCH_MAX,
      maxURLLength: URL_CHARS_MAX,
    });
    const subscriptions = sseLink({ url: base, headers, fetch });
    return {
      link: splitLink({ condition: ({ type }) => type === "subscription", true: subscriptions, false: calls }),
      close: async () => {},
    };
  };

  const overSocket = (): Connection => {
    const client = createWSClient({
      url: base.replace(/^http/, "ws"),
      connectionParams: async () => ({ apiKey: await useKey() }),
      lazy: { enabled: true, closeMs: 60_000 },
      keepAlive: { enabled: true, intervalMs: PING_MS, pongTimeoutMs: PONG_WAIT_MS },
    });
    client.connectionState.subscribe({
      next: ({ state, error }) => {
        if (state === "connecting") onConnectionState?.({ state, error });
      },
    });
    return { link: wsLink<AppRouter>({ client }), close: () => client.close() };
  };

  const connection = transport === "sse" ? overHttp() : overSocket();
  const onChange = (error: unknown): void => onConnectionState?.({ state: error === null ? "open" : "connecting", error });
  const api: Api = createTRPCClient<AppRouter>({ links: [resumeLink({ mayResume, onChange }), connection.link] });

  async function* follow(input: FollowInput, options?: CallOptions): AsyncGenerator<LogEvent, void> {
    for await (const { data } of api.turn.follow.subscribe(input, options)) yield data;
  }

  async function* ask(input: AskInput, options?: CallOptions): AsyncGenerator<StreamItem, void> {
    for await (const { data } of api.turn.stream.subscribe(input, options)) yield data;
  }

  const { activity, agent, billing, card, conversation, execution, hook, key, memory, payment, peer, system, turn, wallet, webhook } = api;
  return {
    activity,
    agent,
    billing,
    card,
    conversation,
    execution,
    hook,
    key,
    memory,
    payment,
    peer,
    system,
    turn,
    wallet,
    webhook,
    follow,
    ask,
    close: () => connection.close(),
  };
}
