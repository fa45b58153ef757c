import type { PeerServer } from "@parley/testkit/peer-server";
import type postgres from "postgres";
import type { PeerFacts } from "./facts.ts";

const CANCELS = new Set(["CancelTask", "tasks/cancel"]);

/** Of the trial alone: what the peer was sent and has made of it, and what the ledger of calls says. */
export async function collectPeers(
  sql: postgres.Sql,
  { journal, tasks }: Pick<PeerServer, "journal" | "tasks">,
  { ids, marker }: { ids: string[]; marker: string },
): Promise<PeerFacts> {
  const calls = await sql<PeerFacts["calls"]>`
    select id, state, cancel_outcome as "cancelOutcome" from peer_calls where conversation_id in ${sql(ids)}`;
  const ours = tasks.filter(({ text }) => text.startsWith(marker));
  const named = new Set(ours.map(({ id }) => id));
  return {
    messages: journal.flatMap(({ messageId: id, taskId, text }) =>
      id !== null && (text.startsWith(marker) || named.has(taskId ?? "")) ? [{ id, taskId, order: orderOf(text), text }] : [],
    ),
    tasks: ours.map(({ id, text, ends }) => ({ id, order: orderOf(text), text, ends: [...ends] })),
    cancelled: journal.flatMap(({ method, taskId }) => (CANCELS.has(method) && taskId !== null && named.has(taskId) ? [taskId] : [])),
    calls,
  };
}

const orderOf = (text: string): string => text.split(" ", 1)[0] ?? "";
