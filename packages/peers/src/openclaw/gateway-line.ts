import type { PeerTarget } from "@parley/domain";
import type { Egress, EgressSocket } from "@parley/egress";
import { type Credentials, findCredential } from "../find-credential.ts";
import { shownTo } from "../shown-to.ts";
import { connectFrame } from "./connect-frame.ts";
import { challenge, type GatewayEvent, type GatewayFrame, helloOk, readFrame } from "./gateway-frame.ts";
import { GatewayRefusal } from "./gateway-refusal.ts";

export interface LinePorts {
  socket: Egress["socket"];
  credentials: Credentials;
  bounds: { gatewayAskMs: number; peerBytesMax: number };
}

/** A connection to an OpenClaw gateway that has let us in. */
export interface GatewayLine {
  /** Throws `GatewayRefusal`, or what has ended the connection. */
  ask(method: string, params: object): Promise<unknown>;
  /** Characters that one frame may have. */
  frameMax: number;
  /** Rejects with what has ended the connection. */
  ended: Promise<never>;
  close(): void;
}

interface Opening {
  scopes: readonly string[];
  signal: AbortSignal;
  onEvent?: (event: GatewayEvent) => void;
}

type Answer = Extract<GatewayFrame, { type: "res" }>;
type Waiter = { resolve(answer: Answer): void; reject(error: unknown): void };

const CONNECT_ID = "connect";

/**
 * Opens a connection and says who we are: its challenge is waited for, then `connect` goes out, and nothing else before the gateway has said `hello-ok` in a
 * version that is spoken here. Throws `GatewayRefusal`, `egress_refused`, `egress_failed`, or the signal's reason.
 */
export async function openGatewayLine(ports: LinePorts, target: PeerTarget, { scopes, signal, onEvent }: Opening): Promise<GatewayLine> {
  const { credentials, bounds } = ports;
  // Tokens of ours are for peers of HYDRA_HOSTS: a gateway knows us by our key.
  const { token, secret, signer } = await findCredential({ ...credentials, hydra: null }, target, { url: target.endpoint, signal });
  const shown = shownTo(target);
  const ending = new AbortController();
  const socket = await ports.socket({
    ...{ url: new URL(target.endpoint), handshakeMs: bounds.gatewayAskMs, bytesMax: bounds.peerBytesMax },
    ...{ signal: AbortSignal.any([signal, ending.signal]), shown, ...(secret !== null && { secret }) },
  });
  const waiting = new Map<string, Waiter>();
  const challenged = Promise.withResolvers<string>();
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => {});
  challenged.promise.catch(() => {});

  function take(frame: GatewayFrame): void {
    if (frame.type === "res") {
      waiting.get(frame.id)?.resolve(frame);
      waiting.delete(frame.id);
    } else if (frame.event === "connect.challenge") challenged.resolve(challenge.parse(frame.payload).nonce);
    else onEvent?.(frame);
  }
  void listen(socket, (frame) => take(shown.value(frame))).catch((error: unknown) => {
    ending.abort(error);
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
    challenged.reject(error);
    ended.reject(error);
  });

  function answerTo(id: string, send: () => void): Promise<Answer> {
    const answer = Promise.withResolvers<Answer>();
    waiting.set(id, answer);
    if (ending.signal.aborted) answer.reject(ending.signal.reason);
    else send();
    return inTime(answer.promise, bounds.gatewayAskMs).finally(() => waiting.delete(id));
  }

  let asked = 0;
  const close = (): void => socket.close();
  try {
    const nonce = await inTime(challenged.promise, bounds.gatewayAskMs);
    const facts = { id: CONNECT_ID, nonce, scopes, identity: signer, nowMs: credentials.now() };
    const hello = await answerTo(CONNECT_ID, () => {
      if (secret === null) socket.send(connectFrame({ ...facts, token }));
      else socket.sendSecret((value) => connectFrame({ ...facts, token: value }));
    });
    const read = helloOk.safeParse(payloadOf(hello));
    if (!read.success) throw new GatewayRefusal("PROTOCOL", { said: "It speaks another version of the protocol." });
    return {
      frameMax: read.data.policy?.maxPayload ?? Number.POSITIVE_INFINITY,
      ended: ended.promise,
      close,
      async ask(method, params) {
        asked += 1;
        const id = `${method}-${asked}`;
        return payloadOf(await answerTo(id, () => socket.send(JSON.stringify({ type: "req", id, method, params }))));
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

async function listen(socket: EgressSocket, take: (frame: GatewayFrame) => void): Promise<void> {
  for await (const text of socket.messages) {
    try {
      const frame = readFrame(text);
      if (frame !== null) take(frame);
    } catch (cause) {
      socket.close();
      throw new GatewayRefusal("NONSENSE", { said: cause instanceof Error ? cause.message : "" });
    }
  }
}

function payloadOf({ ok, payload, error }: Answer): unknown {
  if (ok) return payload;
  throw new GatewayRefusal(error?.code ?? "UNKNOWN", { said: error?.message ?? "", retryAfterMs: error?.retryAfterMs });
}

function inTime<Value>(promise: Promise<Value>, ms: number): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new GatewayRefusal("TIMEOUT", { said: "It did not answer in time." })), ms);
  return Promise.race([promise, late.promise]).finally(() => clearTimeout(timer));
}
