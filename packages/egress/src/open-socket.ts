import type { Socket } from "node:net";
import { GatewayError } from "@parley/contracts";
import type { buildConnector } from "undici";
import { WebSocket } from "ws";
import { toEgressError } from "./egress-error.ts";
import type { Scrubber } from "./scrubber.ts";

export interface SocketRequest {
  /** `http` or `https`, for a WebSocket without or with TLS. */
  url: URL;
  headers?: Record<string, string>;
  /** Until the connection stands. */
  handshakeMs: number;
  /** Of one message, and of all that is read. */
  bytesMax: number;
  signal: AbortSignal;
  /** The name of a secret that is told in a message; refused unless it is bound to the host. */
  secret?: string | undefined;
  /** Is told the secret. */
  shown?: Scrubber | undefined;
}

export interface EgressSocket {
  /** Texts as they come. Throws `egress_failed` when the connection ends in any way, or once aborted the signal's reason. To be read once. */
  messages: AsyncIterable<string>;
  send(text: string): void;
  /** The same with the named secret in it: it is given to what makes the text, and to nothing else. */
  sendSecret(make: (secret: string) => string): void;
  /** Ends the connection. */
  close(): void;
}

interface SocketParts {
  connector: buildConnector.connector;
  /** The named secret for this place. Throws `egress_refused`. */
  secretOf(name: string, url: URL): string;
}

const CLOSE_MS = 2_000;

/** A WebSocket over the guarded connections. Nothing is packed, no redirect is followed. */
export async function openSocket({ connector, secretOf }: SocketParts, request: SocketRequest): Promise<EgressSocket> {
  const { url, headers = {}, handshakeMs, bytesMax, signal, secret, shown } = request;
  signal.throwIfAborted();
  const value = secret === undefined ? null : secretOf(secret, url);
  if (value !== null) shown?.add(value);
  const address = new URL(url);
  address.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const inbox = new Inbox(bytesMax);
  const socket = new WebSocket(address, {
    ...{ headers: { "user-agent": "parley", ...headers }, maxPayload: bytesMax },
    ...{ perMessageDeflate: false, followRedirects: false, closeTimeout: CLOSE_MS },
    createConnection: connecting(connector, url),
  });
  const cut = (): void => {
    inbox.fail(signal.reason);
    socket.terminate();
  };
  signal.addEventListener("abort", cut, { once: true });
  socket.on("message", (data, isBinary) => {
    if (isBinary || !inbox.push(data.toString())) socket.terminate();
  });
  socket.once("close", (code) => {
    signal.removeEventListener("abort", cut);
    inbox.fail(new GatewayError("egress_failed", { detail: `${url.origin} closed the socket (${code})` }));
  });
  // The library's own timeout is set on sockets that it opens itself.
  const late = setTimeout(() => {
    inbox.fail(new GatewayError("egress_failed", { detail: `${url.origin} opened no socket in time` }));
    socket.terminate();
  }, handshakeMs);
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.on("error", (error) => {
      inbox.fail(toEgressError(error, url.origin));
      reject(inbox.failure);
    });
  }).finally(() => clearTimeout(late));
  return {
    messages: inbox,
    send: (text) => socket.send(text),
    sendSecret(make) {
      if (value === null) throw new GatewayError("egress_refused", { detail: "no secret was named" });
      socket.send(make(value));
    },
    close() {
      signal.removeEventListener("abort", cut);
      socket.close(1_000);
    },
  };
}

/** As Node's HTTP client opens a connection where it is given a way to: by its callback. */
function connecting(connector: buildConnector.connector, { protocol, hostname, port }: URL): () => Socket {
  const bare = hostname.replace(/^\[|\]$/g, "");
  const open = (_options: unknown, opened: (error: Error | null, socket: Socket | null) => void): undefined => {
    connector({ protocol, hostname: bare, host: hostname, port, servername: bare }, (error, socket) => opened(error, socket));
  };
  return open as unknown as () => Socket;
}

/** Messages that nobody has read yet, up to a bound on all that is ever read. */
class Inbox implements AsyncIterable<string>, AsyncIterator<string, undefined> {
  #texts: string[] = [];
  #left: number;
  #failure: { error: unknown } | null = null;
  #wake: (() => void) | null = null;

  constructor(bytesMax: number) {
    this.#left = bytesMax;
  }

  /** False once it is too much. */
  push(text: string): boolean {
    this.#left -= Buffer.byteLength(text);
    if (this.#left < 0) {
      this.fail(new GatewayError("egress_failed", { detail: "the socket brings more than may be read" }));
      return false;
    }
    this.#texts.push(text);
    this.#wake?.();
    return true;
  }

  get failure(): unknown {
    return this.#failure?.error;
  }

  /** What came before is still read; only the first failure counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<string, undefined>> {
    while (this.#texts.length === 0 && this.#failure === null) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    const text = this.#texts.shift();
    if (text !== undefined) return { done: false, value: text };
    throw this.#failure?.error;
  }
}
