import type { GatewayError } from "@parley/contracts";
import { type Json, ResponseBuilder, type ResponseEvent, type ResponseSnapshot, responseFailure } from "@parley/domain";
import { CLIENT_LEFT } from "../../client-left.ts";
import { onGone } from "../../on-gone.ts";
import type { Call, Door } from "../call.ts";
import { EventStream } from "../event-stream.ts";
import type { AnswerCopy } from "../kept-answer.ts";

const typeIn = (text: string): string => String((JSON.parse(text) as Json).type);

/** An event as a frame of its own. */
const frameOf = ({ type, text }: ResponseEvent): string => `event: ${type}\ndata: ${text}\n\n`;

export const toEvents = (texts: readonly string[]): ResponseEvent[] => texts.map((text) => ({ type: typeIn(text), text }));

export interface TellingStream {
  stream: EventStream;
  /** Aborts when the client has left, or is sent away. */
  leaving: AbortSignal;
}

/** A stream of a response's events. One that only reads what goes on anyway ends with the process, and can be gone on with elsewhere. */
export function openEvents(
  door: Door,
  { response, caller, credential }: Call,
  { endsWithProcess }: { endsWithProcess: boolean },
): TellingStream {
  onGone(response, door.openStream(caller));
  const leaving = new AbortController();
  onGone(response, () => leaving.abort(CLIENT_LEFT));
  const stop = (reason: GatewayError): void => leaving.abort(reason);
  const stream = new EventStream({ response, credential, attachments: door.attachments, endsWithProcess, stop });
  return { stream, leaving: leaving.signal };
}

/** Each event is one write: some readers do not put one together from two. */
export async function tell(stream: EventStream, events: readonly ResponseEvent[], copy: AnswerCopy | null = null): Promise<void> {
  for (const event of events) {
    const frame = frameOf(event);
    copy?.add(frame);
    stream.write(frame);
  }
  if (stream.isFull) await stream.drained();
}

/** The last events of a reader whose response, or whose right to see it, ended otherwise than it should. */
export function failureEvents(snapshot: ResponseSnapshot, next: number, error: unknown): ResponseEvent[] {
  const builder = new ResponseBuilder({ ...snapshot, output: [] }, { showsSummary: false, seal: null });
  builder.resume(next, snapshot.output);
  builder.fail(responseFailure(error), null);
  return builder.take();
}
