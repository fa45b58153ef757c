import type { ModelCall } from "@parley/testkit";
import type { ToolServerCall } from "@parley/testkit/tool-server";
import type postgres from "postgres";
import { keyOf } from "../arena/scripted-reply.ts";
import type { Arena } from "../arena/start-arena.ts";
import type { Ledger } from "../trial/ledger.ts";
import { collectMoney } from "./collect-money.ts";
import { collectPeers } from "./collect-peers.ts";
import type {
  CardRow,
  ConversationRow,
  EventRow,
  ExecutionRow,
  Facts,
  MessageRow,
  ModelCallFact,
  ToolCallFact,
  TurnRow,
  UsageRow,
} from "./facts.ts";

interface Trial {
  organizationId: string;
  marker: string;
  ledger: Ledger;
  unrest: string[];
  /** Where the trial begins in the model's journal. */
  callsFrom: number;
}

/** The trial's conversations: those that one of its messages is in, and all below them. */
export async function conversationsOf(
  sql: postgres.Sql,
  { organizationId, marker }: { organizationId: string; marker: string },
): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    with roots as (
      select distinct conversation_id as id from messages
      where organization_id = ${organizationId} and starts_with(text, ${marker}) and principal_id not like 'execution:%')
    select id from roots union select c.id from conversations c join roots on c.root_conversation_id = roots.id`;
  return rows.map(({ id }) => id);
}

/** Where the facts are. */
type Sources = Pick<Arena, "sql" | "model" | "tools" | "peer" | "claw" | "frozen" | "witnessed">;

/** Reads all that the checker judges by, from the database as its owner, and from the model's own journal. */
export async function collectFacts(sources: Sources, { organizationId, marker, ledger, unrest, callsFrom }: Trial): Promise<Facts> {
  const { sql, model, tools, peer, claw, frozen, witnessed } = sources;
  const known = await conversationsOf(sql, { organizationId, marker });
  const ids = sql(known);
  const [conversations, messages, turns, executions, events, usage, cards] = await Promise.all([
    sql<ConversationRow[]>`select id, state, parent_conversation_id as "parentId" from conversations where id in ${ids}`,
    sql<MessageRow[]>`
      select id, conversation_id as "conversationId", turn_id as "turnId", state, text from messages where conversation_id in ${ids}`,
    sql<TurnRow[]>`select id, conversation_id as "conversationId", number, status, text from turns where conversation_id in ${ids}`,
    sql<ExecutionRow[]>`
      select id, conversation_id as "conversationId", parent_id as "parentId", mode, status from executions where conversation_id in ${ids}`,
    sql<EventRow[]>`
      select conversation_id as "conversationId", epoch::float8, n, previous, type, execution_id as "executionId", turn_id as "turnId",
        (extract(epoch from at) * 1000)::float8 as "atMs", data
      from events where conversation_id in ${ids} order by conversation_id, epoch, n`,
    sql<UsageRow[]>`
      select turn_id as "turnId", execution_id as "executionId", attempt, step, try, input_tokens::float8 as "inputTokens",
        output_tokens::float8 as "outputTokens", estimated
      from usage_records where conversation_id in ${ids}`,
    sql<
      CardRow[]
    >`select id, conversation_id as "conversationId", turn_id as "turnId", kind, status from cards where conversation_id in ${ids}`,
  ]);
  // A result that comes back from the background is asked about without the trial's marker; its child's id is no other's.
  const calls = model.journal
    .slice(callsFrom)
    .map(callFact)
    .filter(({ asked }) => asked.includes(marker) || known.some((id) => asked.includes(id)));
  const toolCalls = tools.journal.map(toolCallFact).filter(({ order }) => order.startsWith(marker));
  const [peers, money] = await Promise.all([collectPeers(sql, { peer, claw }, { ids: known, marker }), collectMoney(sql, organizationId)]);
  const told = { conversations, messages, turns, executions, events, usage, cards };
  return { ledger, unrest, ...told, calls, toolCalls, peers, money, frozen, witnessed };
}

function toolCallFact({ key, path, arguments: given, atMs, actedAtMs }: ToolServerCall): ToolCallFact {
  const { order } = given as { order: string };
  return { key: key ?? "", path, order, atMs, hasActed: actedAtMs !== null };
}

function callFact({ path, body, atMs, reply, outcome }: ModelCall): ModelCallFact & { asked: string } {
  const content = body.messages?.findLast(({ role }) => role === "user")?.content;
  const asked = typeof content === "string" ? content : "";
  const text = [reply.text ?? ""].flat().join("");
  const { prompt_tokens: inputTokens, completion_tokens: outputTokens } = (reply.usage ?? {}) as Record<string, number>;
  return {
    asked,
    key: keyOf({ path, body, lastUserText: asked }),
    atMs,
    isWhole: outcome === "finished" && reply.status === undefined,
    text,
    chars: (reply.toolCalls ?? []).reduce((sum, call) => sum + call.name.length + JSON.stringify(call.arguments).length, text.length),
    usage: inputTokens === undefined || outputTokens === undefined ? null : { inputTokens, outputTokens },
  };
}
