import type { ModelServerRequest, Reply, World } from "@parley/testkit";
import { untilRest } from "@parley/testkit";
import { start } from "./start.ts";

/** What the gateway asks for a summary, as the model server sees it. */
export const isSummaryCall = ({ body }: ModelServerRequest): boolean => /^Summarise a part/.test(systemOf({ body }));

const contentOf = (message: { content: unknown } | undefined): string => (typeof message?.content === "string" ? message.content : "");

export const systemOf = ({ body }: Pick<ModelServerRequest, "body">): string =>
  contentOf(body.messages?.find((message) => message.role === "system"));

/** Every character that the model is shown. */
export const promptOf = ({ body }: Pick<ModelServerRequest, "body">): string => (body.messages ?? []).map(contentOf).join("\n");

/** A summariser that keeps the lines that are marked as facts, and nothing else. */
export const keepFacts = (request: ModelServerRequest): Reply => {
  const facts = promptOf(request).match(/FACT[^\n]*/g) ?? [];
  return { text: `Kept:\n${[...new Set(facts)].join("\n")}` };
};

/** A checker that knows nothing but its prompt: the vault's code where it is in it, else that it does not know. */
export const answerFromPrompt = (request: ModelServerRequest): Reply => ({
  text: promptOf(request).match(/vault is (\S+?)[.\s]/)?.[1] ?? "I do not know",
});

export const FACT = "FACT: the code of the vault is tangerine-42.";

/** A conversation whose third turn plants the fact, and with so many turns in all. The rest is written as the engine would have left it. */
export async function longThread(world: World, agent: { id: string }, turns: number): Promise<string> {
  const { submitted, events } = await start(world, agent, "Hello.");
  await untilRest(events);
  const { conversationId } = submitted;
  await addTurns(world, conversationId, { from: 2, through: turns, fact: { 3: FACT } });
  return conversationId;
}

/** Ended turns, as the engine would have left them. */
export async function addTurns(
  { sql, caller }: World,
  conversationId: string,
  { from, through, fact = {} }: { from: number; through: number; fact?: Record<number, string> },
): Promise<void> {
  const numbers = Array.from({ length: through - from + 1 }, (_, index) => from + index);
  const texts = numbers.map((number) => fact[number] ?? `Tell me about topic ${number}.`);
  const results = numbers.map(
    (number) => `About topic ${number} there is this: ${"so much and more ".repeat(number % 17 === 0 ? 120 : 12)}`,
  );
  await sql.owner`
    insert into turns (id, organization_id, conversation_id, number, message_id, agent_version, status, text, files, options, result,
      finished_at)
    select uuidv7(), ${caller.organizationId}, ${conversationId}, number, uuidv7(), 1, 'completed', text, '[]', '{}', result, now()
    from unnest(${numbers}::int[], ${texts}::text[], ${results}::text[]) as added (number, text, result)`;
  await sql.owner`update conversations set turn_number = ${through} where id = ${conversationId}`;
}

export interface StoredSummary {
  level: number;
  from_turn: number;
  through_turn: number;
  text: string;
  branch: number;
}

/** Those that stand now, oldest first. */
export const liveSummaries = ({ sql }: World, conversationId: string) => sql.owner<StoredSummary[]>`
  select s.* from conversations c, live_summaries(c) s where c.id = ${conversationId} order by s.from_turn`;

export const dueCompactions = async ({ sql }: World, conversationId: string) =>
  sql.owner<{ failures: number; due_in_ms: number; holder: string | null }[]>`
    select failures, holder, (extract(epoch from due_at - now()) * 1000)::float8 as due_in_ms from compactions where conversation_id = ${conversationId}`;
