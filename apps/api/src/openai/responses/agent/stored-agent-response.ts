import type { Cursor, Execution } from "@parley/contracts";
import { GatewayError } from "@parley/contracts";
import { type Caller, isEnded, type ResponseSnapshot, type StoredResponse, wrongParameter } from "@parley/domain";
import { toGatewayError } from "../../../to-gateway-error.ts";
import { callerOn } from "../../agent/agent-chat.ts";
import { type Call, leavingOf, requestIdOf } from "../../call.ts";
import { named, type ResponsesDoor } from "../responses-door.ts";
import { failureEvents, openEvents, tell, toEvents } from "../tell-events.ts";
import { type TurnResponse, tellTurn } from "./tell-turn.ts";

type TurnRow = TurnResponse & { turn: NonNullable<StoredResponse["turn"]> };

const turnOf = ({ id, snapshot, turn }: StoredResponse): TurnRow | null =>
  turn === null ? null : { uuid: id, head: snapshot as ResponseSnapshot, turn, isStored: true };

const callerOf = (door: ResponsesDoor, call: Call, { turn }: TurnRow): Promise<Caller> => callerOn(door, call, turn.agentId);

/** The turn, once it has ended or waits for somebody; else as it is after that time. */
const awaitTurn = (
  door: ResponsesDoor,
  caller: Caller,
  { turn }: TurnRow,
  wait: { waitMs: number; signal: AbortSignal },
): Promise<Execution> => door.gateway.awaitTurn(caller, { conversationId: turn.conversationId, turnId: turn.turnId, ...wait });

const isSettled = ({ status }: Execution): boolean => status !== "pending" && status !== "executing";

/** A stored response as it is now. The end of an agent's turn that nobody told is read from its log. */
export async function settledResponse(door: ResponsesDoor, call: Call, stored: StoredResponse): Promise<ResponseSnapshot> {
  const row = turnOf(stored);
  const snapshot = stored.snapshot as ResponseSnapshot;
  if (row === null || isEnded(stored.status)) return snapshot;
  const caller = await callerOf(door, call, row);
  const signal = leavingOf(call).signal;
  const execution = await awaitTurn(door, caller, row, { waitMs: 0, signal });
  if (!isSettled(execution)) return execution.status === "executing" ? { ...snapshot, status: "in_progress" } : snapshot;
  const { conversationId, cursor } = row.turn;
  const following = await door.gateway.followConversation(caller, { conversationId, after: cursor as Cursor, signal });
  const told = await tellTurn(door, caller, row, { events: following.events, sink: () => {}, isLate: true });
  // Where another told it meanwhile, what that one has stored counts.
  const { status, snapshot: newest } = await door.responses.get(call.caller, named(call, "responseId"));
  if (isEnded(status) || told === null) return newest as ResponseSnapshot;
  return told.snapshot;
}

/** The events of an agent's response from a number on: those that were stored, or those that its turn still tells. */
export async function tellAgentResponse(
  door: ResponsesDoor,
  call: Call,
  { stored, from }: { stored: StoredResponse; from: number },
): Promise<void> {
  const row = turnOf(stored);
  if (row === null) throw new GatewayError("not_found");
  const caller = await callerOf(door, call, row);
  const settled = await settledResponse(door, call, stored);
  const { stream, leaving } = openEvents(door, call, { endsWithProcess: true });
  let next = 0;
  const pass = async (events: ReturnType<typeof toEvents>): Promise<void> => {
    const skipped = Math.max(0, Math.min(events.length, from - next));
    next += events.length;
    await tell(stream, events.slice(skipped));
  };
  try {
    if (isEnded(settled.status)) {
      const after = from - 1;
      for await (const texts of door.responses.follow(call.caller, named(call, "responseId"), { after, signal: leaving })) {
        await tell(stream, toEvents(texts));
      }
    } else {
      const { conversationId, cursor } = row.turn;
      const following = await door.gateway.followConversation(caller, { conversationId, after: cursor as Cursor, signal: leaving });
      const told = await tellTurn(door, caller, row, { events: following.events, sink: pass });
      if (told === null && !stream.isOver) throw new GatewayError("stream_ended");
    }
    if (!leaving.aborted) stream.done();
  } catch (error) {
    if (stream.isOver) return;
    await tell(
      stream,
      failureEvents(settled, Math.max(next, from), toGatewayError(error, door.log.child({ requestId: requestIdOf(call) }))),
    );
    stream.done();
  }
}

/** How long a stopped turn may take to end before its response is answered as it is. */
const STOP_MS = 10_000;

/** Stops the turn of a background response and answers it as it has ended; null where there is no turn to stop. */
export async function cancelAgentResponse(door: ResponsesDoor, call: Call, stored: StoredResponse): Promise<ResponseSnapshot | null> {
  const row = turnOf(stored);
  if (row === null || !stored.background || isEnded(stored.status)) return null;
  const caller = await callerOf(door, call, row);
  const before = await settledResponse(door, call, stored);
  if (isEnded(before.status)) {
    if (before.status === "cancelled") return before;
    throw wrongParameter([], `Cannot cancel a ${before.status} response.`, "response_already_ended");
  }
  const { conversationId, turnId } = row.turn;
  await door.gateway.stopConversation(caller, { conversationId, turnId, clearQueue: false });
  await awaitTurn(door, caller, row, { waitMs: STOP_MS, signal: leavingOf(call).signal });
  return settledResponse(door, call, await door.responses.get(call.caller, named(call, "responseId")));
}
