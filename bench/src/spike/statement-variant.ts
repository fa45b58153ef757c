import type { Sql, TransactionSql } from "postgres";
import { ANSWER, LEASE_MS, QUESTION, type SpikeTurn, type Variant } from "./variant.ts";

const within = <Result>(sql: Sql, { organizationId }: SpikeTurn, work: (tx: TransactionSql) => Promise<Result>) =>
  sql.begin(async (tx) => {
    await tx`select set_config('parley.organization_id', ${organizationId}, true)`;
    return work(tx);
  });

/** The same statements as the functions, each sent by itself inside BEGIN and COMMIT, as a query builder would. */
export const statementVariant = (sql: Sql): Variant => ({
  name: "(d) statement by statement",
  roundTrips: 24,
  commits: 3,
  admit: async (turn) => {
    await within(sql, turn, async (tx) => {
      const { organizationId, conversationId, agentId, messageId, turnId } = turn;
      await tx`insert into conversations (id, organization_id, month, agent_id, ready_at, depth, head)
        values (${conversationId}, ${organizationId}, date_trunc('month', now()), ${agentId}, now(), 1, 1)`;
      await tx`insert into executions (id, organization_id, agent_id, status, input)
        values (${conversationId}, ${organizationId}, ${agentId}, 'pending', ${tx.json(QUESTION)})`;
      await tx`insert into messages (id, organization_id, conversation_id, position, state, input, turn_id)
        values (${messageId}, ${organizationId}, ${conversationId}, 1, 'queued', ${tx.json(QUESTION)}, ${turnId})`;
      await tx`insert into events (organization_id, month, conversation_id, epoch, n, type, turn_id, data)
        values (${organizationId}, date_trunc('month', now()), ${conversationId}, 0, 1, 'turn.created', ${turnId}, ${tx.json({ messageId, input: QUESTION })})`;
    });
  },
  claim: (turn) =>
    within(sql, turn, async (tx) => {
      const { organizationId, conversationId, turnId } = turn;
      const [held] = await tx<{ epoch: string; turns: string }[]>`
        update conversations set epoch = epoch + 1, head = 1, turns = turns + 1, depth = depth - 1, ready_at = null, worker_id = 'worker-1',
          lease_until = now() + ${LEASE_MS}::int * interval '1 ms'
        where id = ${conversationId} and ready_at is not null and (lease_until is null or lease_until < now()) returning epoch, turns`;
      if (held === undefined) throw new Error("The claim was refused.");
      await tx`insert into turns (id, organization_id, conversation_id, number, status, attempt)
        values (${turnId}, ${organizationId}, ${conversationId}, ${held.turns}, 'executing', 1)`;
      await tx`insert into events (organization_id, month, conversation_id, epoch, n, type, turn_id, data)
        values (${organizationId}, date_trunc('month', now()), ${conversationId}, ${held.epoch}, 1, 'turn.started', ${turnId}, ${tx.json({ attempt: 1, turnNumber: 1 })})`;
      // The message is marked and read back at once: it is the whole context of a first turn.
      await tx`update messages set state = 'running' where conversation_id = ${conversationId} and state = 'queued' returning input`;
      return Number(held.epoch);
    }),
  finish: async (turn, epoch) => {
    await within(sql, turn, async (tx) => {
      const { organizationId, conversationId, turnId } = turn;
      const fenced =
        await tx`update conversations set lease_until = null, worker_id = null, head = head + 2, ready_at = case when depth > 0 then now() end
        where id = ${conversationId} and epoch = ${epoch} returning head`;
      if (fenced.length === 0) throw new Error("The lease is lost.");
      await tx`update turns set status = 'completed', result = ${ANSWER}, finished_at = now() where id = ${turnId} and status = 'executing'`;
      await tx`update messages set state = 'done' where conversation_id = ${conversationId} and state = 'running'`;
      await tx`update executions set status = 'completed', result = ${ANSWER}, finished_at = now() where id = ${conversationId}`;
      await tx`insert into events (organization_id, month, conversation_id, epoch, n, type, turn_id, data) values
        (${organizationId}, date_trunc('month', now()), ${conversationId}, ${epoch}, 2, 'step.completed', ${turnId}, ${tx.json({ step: 1, text: ANSWER })}),
        (${organizationId}, date_trunc('month', now()), ${conversationId}, ${epoch}, 3, 'turn.completed', ${turnId}, ${tx.json({ result: ANSWER })})`;
      await tx`insert into usage (organization_id, month, turn_id, attempt, step, model, input_tokens, output_tokens)
        values (${organizationId}, date_trunc('month', now()), ${turnId}, 1, 1, 'custom/echo', 12, 64)`;
      await tx`insert into outbox (organization_id, topic, payload) values (${organizationId}, 'billing', ${tx.json({ turnId })})`;
    });
  },
});
