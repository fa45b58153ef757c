import { type Cursor, compareCursors, type Execution, GatewayError } from "@parley/contracts";
import type { Following } from "@parley/domain";
import { streamState, translate } from "./events.ts";
import type { SseStream } from "./sse-stream.ts";
import type { EndsAfter } from "./stream-ends.ts";

interface Follow {
  following: Following;
  /** The row of a child that was born before the stream began. */
  findChild(childId: string): Promise<Execution>;
  /** How many messages wait now: asked where the stream has not been told yet. */
  findDepth(): Promise<number>;
  endsAfter: EndsAfter;
  /** The client has everything up to here: it is folded, not told. */
  seen?: Cursor | undefined;
}

/**
 * Tells a stream what is followed, until its end or until the client leaves. Nothing is pulled while the client does
 * not take what was written. Where one fact is two frames, only the last bears the fact's cursor and those before it
 * the previous one: a client that is cut in between is told both again rather than never.
 * Throws `stream_ended` where the following stops before the stream has told all.
 */
export async function followStream(stream: SseStream, { following, findChild, findDepth, endsAfter, seen }: Follow): Promise<void> {
  const state = streamState(following.execution);
  let previous: Cursor = following.cursor;
  for await (const event of following.events) {
    if ((event.type === "child.finished" || event.type === "child.paused") && !state.children.has(event.data.childId)) {
      state.children.set(event.data.childId, await findChild(event.data.childId));
    }
    if (event.type === "message.edited") state.queueDepth ??= await findDepth();
    const facts = translate(state, event);
    const isNew = seen === undefined || compareCursors(event.cursor, seen) > 0;
    for (const [index, fact] of isNew ? facts.entries() : []) stream.send(fact, index === facts.length - 1 ? event.cursor : previous);
    previous = event.cursor;
    if (stream.isFull) await stream.drained();
    if (stream.isOver || endsAfter(event)) return;
  }
  if (!stream.isOver) throw new GatewayError("stream_ended");
}
