import type { Agent, AgentConfigInput, ConversationId, LogEvent, SubmitInput, SubmitResult } from "@parley/contracts";
import { collectUntil, type World } from "@parley/testkit";

/** A signal that is never aborted: the reader leaves by itself. */
export const staying = () => new AbortController().signal;

interface How extends Partial<Omit<SubmitInput, "conversationId">> {
  conversationId?: string;
  invoke?: boolean;
  keepNothingWhenIdle?: boolean;
}

const factsOf = ({ invoke = false, keepNothingWhenIdle = false }: How) => ({ route: "test", invoke, keepNothingWhenIdle });

function inputOf(world: World, agent: { id: string }, text: string, how: How): SubmitInput {
  const { invoke: _, keepNothingWhenIdle: __, conversationId, ...more } = how;
  return world.input(agent, text, conversationId === undefined ? more : { ...more, conversationId: conversationId as ConversationId });
}

/** Submits and follows from the message on. */
export const start = (world: World, agent: { id: string }, text: string, how: How = {}) =>
  world.gateway.submitAndFollow(world.caller, inputOf(world, agent, text, how), { ...factsOf(how), signal: staying() });

export const submit = (world: World, agent: { id: string }, text: string, how: How = {}): Promise<SubmitResult> =>
  world.gateway.submitMessage(world.caller, inputOf(world, agent, text, how), factsOf(how));

/** The log from its start until that event. */
export async function logUntil(world: World, conversationId: string, isLast: (event: LogEvent) => boolean): Promise<LogEvent[]> {
  const { events } = await world.gateway.followConversation(world.caller, { conversationId, signal: staying() });
  return collectUntil(events, isLast);
}

export const stateOf = (world: World, conversationId: string) => world.gateway.getRunState(world.caller, conversationId);

export const isEnd = (event: LogEvent): boolean => "more" in event.data;

export const ends = (events: LogEvent[]) => events.filter(isEnd);

/** A router whose model may hand work to the others. */
export const routerOver = (
  world: World,
  agents: Agent[],
  mode: "sync" | "async" | "auto",
  config: AgentConfigInput & { name?: string } = {},
) => world.agent({ name: "Router", ...config, subAgents: agents.map(({ id }) => ({ agentId: id as never, mode })) });
