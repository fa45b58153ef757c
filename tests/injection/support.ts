import type { ConversationId, LogEvent, SubmitInput } from "@parley/contracts";
import type { World } from "@parley/testkit";

/** A signal that is never aborted: the reader leaves by itself. */
export const staying = (): AbortSignal => new AbortController().signal;

export const isEnd = (event: LogEvent): boolean => "more" in event.data;

/** Submits and follows from the message on. */
export function start(world: World, agent: { id: string }, text: string, more: Partial<SubmitInput> = {}) {
  const { conversationId, ...rest } = more;
  const input = world.input(
    agent,
    text,
    conversationId === undefined ? rest : { ...rest, conversationId: conversationId as ConversationId },
  );
  return world.gateway.submitAndFollow(world.caller, input, { route: "test", signal: staying() });
}

/** Does it for all, so many at a time, and keeps the order. */
export async function inParallel<Given, Made>(given: Given[], atOnce: number, make: (one: Given) => Promise<Made>): Promise<Made[]> {
  const made: Made[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let place = next++; place < given.length; place = next++) made[place] = await make(given[place] as Given);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return made;
}
