import type { OpenclawServer } from "@parley/testkit/openclaw-server";
import type { PeerServer } from "@parley/testkit/peer-server";
import type postgres from "postgres";
import type { PeerFacts } from "./facts.ts";

const CANCELS = new Set(["CancelTask", "tasks/cancel"]);

/** Of the trial alone: what the peers were sent and have made of it, and what the ledger of calls says. */
export async function collectPeers(
  sql: postgres.Sql,
  { peer, claw }: { peer: Pick<PeerServer, "journal" | "tasks">; claw: Pick<OpenclawServer, "asked" | "journalOfRuns"> },
  { ids, marker }: { ids: string[]; marker: string },
): Promise<PeerFacts> {
  const calls = await sql<PeerFacts["calls"]>`
    select id, state, cancel_outcome as "cancelOutcome" from peer_calls where conversation_id in ${sql(ids)}`;
  const [spoken, chatted] = [spokenOf(peer, marker), chattedOf(claw, marker)];
  return {
    messages: [...spoken.messages, ...chatted.messages],
    tasks: [...spoken.tasks, ...chatted.tasks],
    cancelled: [...spoken.cancelled, ...chatted.cancelled],
    calls,
  };
}

type Told = Omit<PeerFacts, "calls">;

function spokenOf({ journal, tasks }: Pick<PeerServer, "journal" | "tasks">, marker: string): Told {
  const ours = tasks.filter(({ text }) => text.startsWith(marker));
  const named = new Set(ours.map(({ id }) => id));
  return {
    messages: journal.flatMap(({ messageId: id, taskId, text }) =>
      id !== null && (text.startsWith(marker) || named.has(taskId ?? "")) ? [{ id, taskId, order: orderOf(text), text }] : [],
    ),
    tasks: ours.map(({ id, text, ends }) => ({ id, order: orderOf(text), text, ends: [...ends] })),
    cancelled: journal.flatMap(({ method, taskId }) => (CANCELS.has(method) && taskId !== null && named.has(taskId) ? [taskId] : [])),
  };
}

/** An OpenClaw gateway has runs, which are tasks by another name: each is called by the key of the message that it began with. */
function chattedOf({ asked, journalOfRuns }: Pick<OpenclawServer, "asked" | "journalOfRuns">, marker: string): Told {
  const ours = journalOfRuns().filter(({ message }) => message.startsWith(marker));
  const named = new Set(ours.map(({ id }) => id));
  const sent = asked("chat.send").map(({ params }) => ({ id: String(params["idempotencyKey"]), text: String(params["message"]) }));
  return {
    messages: sent.flatMap(({ id, text }) => (text.startsWith(marker) ? [{ id, taskId: null, order: orderOf(text), text }] : [])),
    tasks: ours.map(({ id, message, ends }) => ({ id, order: orderOf(message), text: message, ends: [...ends] })),
    cancelled: asked("chat.abort").flatMap(({ params }) => (named.has(String(params["runId"])) ? [String(params["runId"])] : [])),
  };
}

const orderOf = (text: string): string => text.split(" ", 1)[0] ?? "";
