import { randomUUID } from "node:crypto";
import { ERRORS, GatewayError, isObject } from "@parley/contracts";
import {
  type Caller,
  type Remembered,
  type ResponseEvent,
  type ResponseRequest,
  readResponseRequest,
  wrongParameter,
} from "@parley/domain";
import type { Visitor } from "@parley/router";
import type { RawData, WebSocket } from "ws";
import type { Attachment } from "../../attachments.ts";
import { CLIENT_LEFT } from "../../client-left.ts";
import { isDeeperThan } from "../../json-depth.ts";
import { toGatewayError } from "../../to-gateway-error.ts";
import { type Json } from "../call.ts";
import { openaiError } from "../send-error.ts";
import { tellAgentResponse } from "./agent/create-agent-response.ts";
import type { ResponsesDoor } from "./responses-door.ts";

const GOING_AWAY = 1001;
const PING_MS = 25_000;
/** More than this waiting to be taken, and no more is asked of the model for now. */
const WAITING_BYTES = 65_536;

interface Opening {
  socket: WebSocket;
  visitor: Visitor;
  caller: Caller;
}

/** One socket: makes one response at a time, in the order in which they were asked for, and remembers the newest. */
export class ResponsesSocket implements Attachment {
  readonly #door: ResponsesDoor;
  readonly #socket: WebSocket;
  readonly #visitor: Visitor;
  readonly #caller: Caller;
  readonly #gone = new AbortController();
  readonly #waiting: Json[] = [];
  readonly #timer: NodeJS.Timeout;
  #remembered: Remembered | null = null;
  #isBusy = false;
  #lastPingMs = performance.now();

  constructor(door: ResponsesDoor, { socket, visitor, caller }: Opening) {
    this.#door = door;
    this.#socket = socket;
    this.#visitor = visitor;
    this.#caller = caller;
    this.#timer = setTimeout(() => this.#expire(), door.limits.responseSocketMs).unref();
    socket.on("message", (data, isBinary) => this.#take(data, isBinary));
    socket.once("close", () => {
      clearTimeout(this.#timer);
      this.#gone.abort(CLIENT_LEFT);
    });
  }

  get credential(): string | null {
    return this.#visitor.credential;
  }

  beat(nowMs: number): void {
    if (this.#socket.bufferedAmount > this.#door.limits.socketBufferBytesMax) return this.#socket.terminate();
    if (nowMs - this.#lastPingMs < PING_MS) return;
    this.#lastPingMs = nowMs;
    this.#socket.ping();
  }

  refuse(error: GatewayError): void {
    this.#refuse(error);
    this.#socket.close(GOING_AWAY);
  }

  #expire(): void {
    const text = "The socket has been open for as long as one may be; go on with another.";
    const error = new GatewayError("stream_ended", { text });
    void this.#send(
      JSON.stringify({ type: "error", status: 400, error: { ...openaiError(error).error, code: "websocket_connection_limit_reached" } }),
    );
    this.#socket.close(GOING_AWAY);
  }

  /** Resolves when more may be said. */
  #send(text: string): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return Promise.resolve();
    const sent = new Promise<void>((resolve) => this.#socket.send(text, () => resolve()));
    return this.#socket.bufferedAmount > WAITING_BYTES ? sent : Promise.resolve();
  }

  #refuse(error: GatewayError): void {
    const status = ERRORS[error.code].http;
    void this.#send(JSON.stringify({ type: "error", status, ...openaiError(error) }));
  }

  #read(data: RawData, isBinary: boolean): Json {
    if (isBinary) throw wrongParameter([], "Messages are texts.", "invalid_json");
    let message: unknown;
    try {
      message = JSON.parse(String(data));
    } catch {
      throw wrongParameter([], "The message is not JSON.", "invalid_json");
    }
    if (!isObject(message)) throw wrongParameter([], "A message is an object.", "invalid_json");
    if (isDeeperThan(message, this.#door.limits.jsonDepthMax))
      throw wrongParameter([], "The message is nested too deeply.", "invalid_json");
    if (message.type === "response.steer") throw wrongParameter("type", "Responses cannot be steered here.", "steering_not_supported");
    if (message.type !== "response.create")
      throw wrongParameter("type", `There is no message '${String(message.type)}'.`, "unknown_message_type");
    if (this.#waiting.length >= this.#door.limits.responsesPerSocketMax)
      throw new GatewayError("too_many_requests", { text: "Too many responses wait on this socket." });
    return message;
  }

  #take(data: RawData, isBinary: boolean): void {
    try {
      this.#waiting.push(this.#read(data, isBinary));
    } catch (error) {
      return this.#refuse(toGatewayError(error, this.#door.log));
    }
    if (!this.#isBusy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    for (let message = this.#waiting.shift(); message !== undefined && !this.#gone.signal.aborted; message = this.#waiting.shift()) {
      await this.#answer(message);
    }
    this.#isBusy = false;
  }

  /** Says the events of one response, the last of which is its only end: or one error instead. */
  async #answer(message: Json): Promise<void> {
    // Neither is part of a message here; some clients send the first.
    const { stream: _, background: __, ...body } = message;
    const previous = body.previous_response_id;
    try {
      await this.#visitor.count("turn", this.#caller);
      const request = readResponseRequest(body);
      const resolved = this.#door.gateway.resolveModel(request.model);
      if (resolved.kind === "agent") {
        const remembered = await this.#tellAgent(resolved.agentId, message, { body, request });
        if (remembered === null) this.#forget(previous);
        else this.#remembered = remembered;
        return;
      }
      const running = await this.#door.responses.create(this.#caller, request, {
        ...{ route: "responses.create", requestId: randomUUID(), signal: this.#gone.signal },
        ...{ remembered: this.#remembered, generates: message.generate !== false },
      });
      for await (const events of running.events) await this.#tell(events);
      const failure = running.failure();
      if (failure === null) this.#remembered = { responseId: running.id, items: running.items(), turn: null };
      else this.#forget(previous);
    } catch (error) {
      if (this.#gone.signal.aborted) return;
      this.#forget(previous);
      this.#refuse(toGatewayError(error, this.#door.log));
    }
  }

  /** A turn of an agent goes on when the socket is gone. */
  async #tellAgent(
    agentId: string,
    { generate }: Json,
    { body, request }: { body: Json; request: ResponseRequest },
  ): Promise<Remembered | null> {
    if (generate === false)
      throw wrongParameter("generate", "A response of an agent cannot be there without its answer.", "unsupported_value");
    const origin = { route: "responses.create" as const, caller: this.#caller, request: { headers: {} } };
    const creation = { agentId, body, request, remembered: this.#remembered };
    return tellAgentResponse(this.#door, origin, creation, { sink: (events) => this.#tell(events), gone: this.#gone.signal });
  }

  /** A failure has two events, and only one message may end a turn. */
  async #tell(events: readonly ResponseEvent[]): Promise<void> {
    for (const { type, text } of events) if (type !== "error") await this.#send(text);
  }

  /** What a failed response went on from is not gone on from again by this socket's memory. */
  #forget(previous: unknown): void {
    if (this.#remembered !== null && this.#remembered.responseId === previous) this.#remembered = null;
  }
}
