import { type Cursor, GatewayError, isGatewayError, type LogEvent, type RefusedBy } from "@parley/contracts";
import {
  type Caller,
  ResponseBuilder,
  type ResponseEvent,
  type ResponseSnapshot,
  type ResponseTurn,
  responseFailure,
} from "@parley/domain";
import { TurnText } from "../../../turn/turn-text.ts";
import type { ResponsesDoor } from "../responses-door.ts";

/** A response that tells a turn of an agent's conversation. */
export interface TurnResponse {
  uuid: string;
  /** As it was before anything was said. */
  head: ResponseSnapshot;
  turn: ResponseTurn;
  /** Whether there is a row that is to know its end. */
  isStored: boolean;
}

/** What the turn has ended as. */
export interface ToldTurn {
  snapshot: ResponseSnapshot;
  /** Why it is told no further here, though the turn goes on; null where it has ended. */
  broken: GatewayError | null;
  /** Which balance or budget it has failed for. */
  refusedBy?: RefusedBy | undefined;
}

interface Telling {
  events: AsyncIterable<LogEvent>;
  /** Takes the events of the response, in their order, each time. */
  sink(events: ResponseEvent[]): Promise<void> | void;
  /** Where what is told now may differ from what was told to those who followed the turn, as its pieces are forgotten by then. */
  isLate?: boolean;
}

const supersededAt = (cursor: Cursor, conversationId: string): GatewayError =>
  new GatewayError("attempt_superseded", {
    text: `The answer begins anew (conversation ${conversationId}, cursor ${cursor}); ask for the response again.`,
  });

const secondsOf = (at: string): number => Math.floor(Date.parse(at) / 1_000);

/**
 * Tells a turn's log as the events of a response: the same log makes the same bytes, in whichever process. Its end is stored before it is told, once,
 * whoever tells it first. Returns null where the log ended before the turn did.
 */
export async function tellTurn(
  door: Pick<ResponsesDoor, "gateway" | "responses">,
  caller: Caller,
  response: TurnResponse,
  { events, sink, isLate = false }: Telling,
): Promise<ToldTurn | null> {
  const { head, turn, uuid } = response;
  const builder = new ResponseBuilder(structuredClone({ ...head, output: [] }), { showsSummary: false, seal: null });
  const text = new TurnText(turn);
  const told: string[] = [];
  const pass = async (): Promise<void> => {
    const some = builder.take();
    if (some.length === 0) return;
    told.push(...some.map((event) => event.text));
    await sink(some);
  };
  const end = async (failed?: unknown): Promise<ToldTurn> => {
    const last = builder.take();
    const { snapshot } = builder;
    if (response.isStored) {
      const all = [...told, ...last.map((event) => event.text)];
      await door.responses.endTurn(caller, uuid, {
        snapshot,
        events: all,
        supersededThrough: isLate ? Number.MAX_SAFE_INTEGER : undefined,
      });
    }
    await sink(last);
    return { snapshot, broken: null, refusedBy: isGatewayError(failed) ? failed.refusedBy : undefined };
  };
  builder.begin(head.background === true ? "queued" : "in_progress");
  await pass();
  let isQueued = head.background === true;
  for await (const event of events) {
    if (isQueued) builder.progress("in_progress");
    isQueued = false;
    try {
      for (const piece of text.take(event)) {
        if ("retract" in piece) throw supersededAt(event.cursor, turn.conversationId);
        builder.text(piece.add);
      }
    } catch (error) {
      builder.take();
      builder.resume(told.length);
      builder.fail(responseFailure(error), null);
      if (!isGatewayError(error, "attempt_superseded")) return end(error);
      const last = builder.take();
      await sink(last);
      return { snapshot: builder.snapshot, broken: error };
    }
    await pass();
    if (text.end === null) continue;
    const usage = text.end.usage ?? (await door.gateway.getExecution(caller, turn.conversationId)).usage;
    const at = secondsOf(event.at);
    if (event.type === "turn.paused") builder.end({ status: "incomplete", reason: "awaiting_input", usage, at });
    else if (event.type === "turn.stopped") builder.end({ status: "cancelled", reason: "cancelled", usage, at });
    else if (text.end.finish === "length") builder.end({ status: "incomplete", reason: "max_output_tokens", usage, at });
    else builder.end({ status: "completed", reason: null, usage, at });
    return end();
  }
  return null;
}
