import { type Cursor, compareCursors, ERRORS, GatewayError, type LogEvent } from "@parley/contracts";
import { CLIENT_LEFT } from "../client-left.ts";
import { NamedStream, namedFrame } from "../named-stream.ts";
import { onGone } from "../on-gone.ts";
import { plainTextOf } from "../plain-error.ts";
import { toGatewayError } from "../to-gateway-error.ts";
import { awaitEnd, runTurn, type TurnAnswer, type TurnEars } from "../turn/run-turn.ts";
import { readTurnCursor, type TurnCursor, writeTurnCursor } from "../turn/turn-cursor.ts";
import { turnFailure } from "../turn/turn-failure.ts";
import { TurnText } from "../turn/turn-text.ts";
import type { Call, Door, Handler } from "./call.ts";
import { chatAnswer, inputFor, turnCall } from "./chat.ts";
import { findPlace } from "./chat-place.ts";
import { textIn } from "./query.ts";
import { readMessage } from "./read-message.ts";

/** Tells one turn as `token` events, each with all that was said so far: where an attempt was void, the next says what still counts. */
class Telling {
  readonly stream: NamedStream;
  readonly #text: TurnText;
  #at: TurnCursor;
  #said = "";

  constructor(stream: NamedStream, at: TurnCursor) {
    this.stream = stream;
    this.#at = at;
    this.#text = new TurnText(at);
  }

  async tell(event: LogEvent): Promise<void> {
    // A failed turn has its own end.
    if (event.type === "turn.failed") return;
    let delta = "";
    let retracted = false;
    for (const piece of this.#text.take(event)) {
      if ("add" in piece) delta += piece.add;
      else {
        retracted = true;
        this.#said = this.#said.slice(0, this.#said.length - piece.retract);
      }
    }
    this.#said += delta;
    // What a client has that comes back is only folded.
    if (compareCursors(event.cursor, this.#at.seen) <= 0) return;
    this.#at = { ...this.#at, seen: event.cursor };
    if (delta !== "" || retracted) await this.send("token", { delta, accumulated: this.#said });
  }

  /** Sends an event under the place reached. */
  send = (event: string, data: unknown): Promise<void> => this.stream.send(namedFrame(event, data, writeTurnCursor(this.#at)));
}

const failureData = (error: GatewayError) => ({
  error: plainTextOf(error),
  retry: ERRORS[error.code].retry,
  ...(error.refusedBy && { refusedBy: error.refusedBy }),
});

const failed = (error: GatewayError): string => namedFrame("error", failureData(error));

function openStream({ attachments }: Door, { response, credential }: Call): NamedStream {
  const stream = new NamedStream({ response, credential, ping: ": ping\n\n", farewell: failed });
  stream.open(attachments, "");
  return stream;
}

/** The last frame: the whole answer, or why there is none. */
async function finish(telling: Telling, answer: TurnAnswer, sessionKey: string): Promise<void> {
  // Its time is over before the turn's is; the client comes back for the rest.
  if (answer.status === "pending") throw new GatewayError("stream_ended");
  if (answer.status === "error" || answer.status === "failed") {
    await telling.send("error", {
      ...failureData(turnFailure(answer) ?? new GatewayError("internal")),
      reason: answer.reason,
      // Coming back is told the same end again.
      retry: false,
    });
  } else await telling.send("done", chatAnswer(answer, sessionKey));
}

/** What goes wrong once the head is out is the stream's last event. */
async function tellOn(door: Door, stream: NamedStream, tell: () => Promise<void>): Promise<void> {
  try {
    await tell();
  } catch (error) {
    if (!stream.isOver) await stream.send(failed(toGatewayError(error, door.log)));
  }
  stream.end();
}

async function begin(door: Door, call: Call): Promise<void> {
  const { request } = call;
  const isPost = request.method === "POST";
  const { message, ...named } = isPost ? await readMessage(door, call) : messageInQuery(call);
  const place = await findPlace(door, call, named);
  const input = await inputFor(door, call, place, message);
  const stream = openStream(door, call);
  let telling: Telling | undefined;
  const ears: TurnEars = {
    async submitted(submitted) {
      telling = new Telling(stream, { ...submitted, seen: submitted.cursor as Cursor });
      const { conversationId, messageId, turnId } = submitted;
      await telling.send("accepted", { conversationId, messageId, turnId, sessionKey: place.name });
    },
    event: async (_conversationId, event) => telling?.tell(event),
  };
  await tellOn(door, stream, async () => {
    const answer = await runTurn(turnCall(door, call, stream.signal), { input, invoke: true, ears });
    if (telling) await finish(telling, answer, place.name);
  });
}

function messageInQuery({ request }: Call) {
  const message = textIn(request, "message");
  if (message === undefined) throw new GatewayError("bad_request", { text: "Missing required query parameter: message" });
  return { message, agentId: textIn(request, "agentId"), sessionKey: textIn(request, "sessionKey") };
}

/** A client that was cut goes on where it was: nothing is begun, whatever else it sends. */
async function comeBack(door: Door, call: Call, lastEventId: string): Promise<void> {
  const at = readTurnCursor(lastEventId);
  // Refused before the head goes out: where there are too many already, where it may not be read or is not there.
  onGone(call.response, door.openStream(call.caller));
  const leaving = new AbortController();
  onGone(call.response, () => leaving.abort(CLIENT_LEFT));
  const { conversationId, cursor } = at;
  const after = cursor as Cursor;
  const following = await door.gateway.followConversation(call.caller, { conversationId, after, signal: leaving.signal });
  const stream = openStream(door, call);
  const telling = new Telling(stream, at);
  await tellOn(door, stream, async () => {
    const submitted = { ...at, action: "started", replayed: true } as const;
    const ears = { event: (_id: string, event: LogEvent) => telling.tell(event) };
    const answer = await awaitEnd(turnCall(door, call, stream.signal), { following, submitted, ears });
    await finish(telling, answer, conversationId);
  });
}

/** `GET` and `POST /api/chat/stream`: a turn as it is said. Whoever leaves detaches from it. */
export const chatStream: Handler = async (door, call) => {
  const lastEventId = call.request.headers["last-event-id"];
  if (typeof lastEventId === "string" && lastEventId !== "") await comeBack(door, call, lastEventId);
  else await begin(door, call);
};
