import type { GatewayError } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import type { OpenStream, Visitor } from "@parley/router";
import type { RawData, WebSocket } from "ws";
import type { Attachment } from "../attachments.ts";
import { CLIENT_LEFT } from "../client-left.ts";
import { answerMessage, tooOften } from "./answer-message.ts";
import { CODES, failed, notification, type RpcFailure } from "./messages.ts";
import type { Peer, RpcDoor } from "./method.ts";
import type { NotedFollowing, Notifier } from "./notifier.ts";
import { tooLarge } from "./read-calls.ts";

export const CLOSE = { goingAway: 1001, tryAgain: 1013, unauthorized: 4001, forbidden: 4003 } as const;

/** A client that takes nothing for this long is cut off; it may come back and resume. */
const STALLED_MS = 60_000;
/** More than this waiting to be taken, and nothing more is pulled from a log for it. */
const WAITING_BYTES = 65_536;

interface Opening {
  socket: WebSocket;
  visitor: Visitor;
  caller: Caller;
  isOperator: boolean;
  openStream: OpenStream;
}

/** One socket: takes messages, answers each when it is done, and brings what its followings tell. */
export class RpcSocket implements Attachment, Notifier {
  readonly #door: RpcDoor;
  readonly #socket: WebSocket;
  readonly #gone = new AbortController();
  readonly #followings = new Map<string, AbortController>();
  readonly #answering = new Set<Promise<void>>();
  readonly #peer: Omit<Peer, "afterAnswer">;
  #stalledSinceMs: number | null = null;

  constructor(door: RpcDoor, { socket, visitor, caller, isOperator, openStream }: Opening) {
    this.#door = door;
    this.#socket = socket;
    this.#peer = { visitor, caller, isOperator, leaving: this.#gone.signal, openStream, notifier: this, idempotencyHeader: null };
    socket.on("message", (data, isBinary) => this.#take(data, isBinary));
    socket.once("close", () => this.#leave());
  }

  get credential(): string | null {
    return this.#peer.visitor.credential;
  }

  send(text: string): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return Promise.resolve();
    const sent = new Promise<void>((resolve) => this.#socket.send(text, () => resolve()));
    return this.#socket.bufferedAmount > WAITING_BYTES ? sent : Promise.resolve();
  }

  notify(method: string, params: object): Promise<void> {
    return this.send(notification(method, params));
  }

  follow(conversationId: string): NotedFollowing {
    this.unfollow(conversationId);
    const following = new AbortController();
    this.#followings.set(conversationId, following);
    const end = (): void => {
      following.abort(CLIENT_LEFT);
      if (this.#followings.get(conversationId) === following) this.#followings.delete(conversationId);
    };
    if (this.#gone.signal.aborted) end();
    return { signal: following.signal, end };
  }

  unfollow(conversationId: string): boolean {
    const following = this.#followings.get(conversationId);
    following?.abort(CLIENT_LEFT);
    return this.#followings.delete(conversationId);
  }

  beat(nowMs: number): void {
    const { bufferedAmount } = this.#socket;
    if (bufferedAmount === 0) this.#stalledSinceMs = null;
    else this.#stalledSinceMs ??= nowMs;
    const isStalled = this.#stalledSinceMs !== null && nowMs - this.#stalledSinceMs >= STALLED_MS;
    if (isStalled || bufferedAmount > this.#door.limits.socketBufferBytesMax) this.#socket.terminate();
  }

  refuse({ code }: GatewayError): void {
    if (code === "unauthenticated") this.#socket.close(CLOSE.unauthorized, "Unauthorized");
    else void this.#goAway();
  }

  /** What waits for a turn is answered that it can be gone on with elsewhere; then the socket closes. */
  async #goAway(): Promise<void> {
    this.#leave();
    while (this.#answering.size > 0) await Promise.all(this.#answering);
    this.#socket.close(CLOSE.goingAway, "Server shutting down");
  }

  #leave(): void {
    this.#gone.abort(CLIENT_LEFT);
    for (const conversationId of [...this.#followings.keys()]) this.unfollow(conversationId);
  }

  #take(data: RawData, isBinary: boolean): void {
    if (this.#gone.signal.aborted) return;
    const answering = this.#answer(data, isBinary).catch((error: unknown) => {
      this.#door.log.error({ error }, "a message could not be answered");
      this.#refuse({ code: CODES.internal, message: "Internal error" });
    });
    this.#answering.add(answering);
    void answering.finally(() => this.#answering.delete(answering));
  }

  #refuse(failure: RpcFailure): void {
    void this.send(JSON.stringify(failed(null, failure)));
  }

  /** The checks come in a fixed order, and the first that fails answers: kind, rate, size, then what the text is. */
  async #answer(data: RawData, isBinary: boolean): Promise<void> {
    const { window, limits } = this.#door;
    if (isBinary) return this.#refuse({ code: CODES.parse, message: "Binary messages not supported" });
    const seconds = await window.take(this.#peer.caller, 1);
    if (seconds > 0) return this.#refuse(tooOften(seconds));
    const bytes = data as Buffer;
    if (bytes.length > limits.bodyBytesMax) return this.#refuse(tooLarge(bytes.length, limits.bodyBytesMax));
    const later: (() => void)[] = [];
    const peer: Peer = { ...this.#peer, afterAnswer: (act) => void later.push(act) };
    const answer = await answerMessage(this.#door, peer, bytes.toString());
    if ("refused" in answer) return this.#refuse(answer.refused);
    if (answer.text !== null) void this.send(answer.text);
    for (const act of later) act();
  }
}
