import type { OpenclawServer } from "@parley/testkit/openclaw-server";
import type { PeerServer } from "@parley/testkit/peer-server";
import type postgres from "postgres";

interface Owing {
  sql: postgres.Sql;
  peer: Pick<PeerServer, "tasks">;
  claw: Pick<OpenclawServer, "journalOfRuns">;
  organizationId: string;
  marker: string;
  /** The trial's conversations. */
  ids: string[];
}

/** What is on its way though no conversation is: peers that have to be told, their tasks, money that is held or not charged yet. A line each. */
export async function stillOwed({ sql, peer, claw, organizationId, marker, ids }: Owing): Promise<string[]> {
  const [calls, [money]] = await Promise.all([
    sql<{ id: string; state: string; tries: number }[]>`
      select id, state, cancel_tries as tries from peer_calls where conversation_id in ${sql(ids)} and state <> 'ended'`,
    sql<{ uncharged: number; holds: number }[]>`
      select (select count(*)::int from usage_records where organization_id = ${organizationId} and unposted)
          + (select count(*)::int from peer_usage where organization_id = ${organizationId} and unposted) as uncharged,
        (select count(*)::int from holds where organization_id = ${organizationId}) as holds`,
  ]);
  const { uncharged = 0, holds = 0 } = money ?? {};
  return [
    ...calls.map(({ id, state, tries }) => `the call ${id} of a peer is ${state} after ${tries} tries`),
    ...[...peer.tasks, ...claw.journalOfRuns().map(({ message: text, ...run }) => ({ ...run, text }))].flatMap(({ id, text, ends }) =>
      text.startsWith(marker) && ends.length === 0 ? [`the task ${id} of ${text} has not ended at its peer`] : [],
    ),
    ...(uncharged > 0 ? [`${uncharged} uses are not charged`] : []),
    ...(holds > 0 ? [`${holds} holds are left`] : []),
  ];
}
