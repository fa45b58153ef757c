import type { ClaimedTurn, CommitResult, Past, PostedElsewhere, Renewal, TurnStore } from "@parley/domain";
import { call, first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";

type Claim = ({ outcome: "claimed" } & Omit<ClaimedTurn, "organizationId" | "conversationId" | "spending">) | { outcome: "busy" | "gone" };
type Posted = Omit<PostedElsewhere, "conversationId" | "nudge"> & { nudge?: string | null };

export const createTurnStore = (sql: Sql): TurnStore => ({
  async claim(key, options) {
    // Whether the turn has to have money is asked in the same round trip.
    const rows = await guarded(
      sql<{ claim: Claim; spending: ClaimedTurn["spending"] }[]>`
        select claim_turn(${JSON.stringify({ ...key, ...options })}::text::jsonb) as claim,
          spending_of(${key.organizationId}, ${key.conversationId}) as spending`,
    );
    const { claim, spending } = first(rows);
    return claim.outcome === "claimed" ? { ...claim, ...key, spending } : null;
  },

  readPast: (key, options) => call<Past | null>(sql, "read_past", { ...key, ...options }),

  commit: (
    fence,
    { events = [], journal = [], children = [], usage = [], step = null, takeSteers = null, pause = null, finish = null },
    bounds,
  ) =>
    call<CommitResult>(sql, "commit_turn", {
      ...fence,
      ...bounds,
      events,
      journal,
      children,
      usage,
      step,
      takeSteers,
      pause,
      finish,
    }),

  async taint(key, turn) {
    await call(sql, "taint_turn", { ...key, ...turn });
  },

  renew: (turns, leaseMs) => (turns.length === 0 ? Promise.resolve([]) : call<Renewal[]>(sql, "renew_turns", { leaseMs, turns })),

  async giveBack(fence, usage) {
    const { outcome } = await call<{ outcome: "ok" | "stale" }>(sql, "give_back_turn", { ...fence, usage });
    return outcome === "ok";
  },

  async recordUsage({ organizationId, conversationId, month }, usage) {
    await call(sql, "record_usage_facts", { organizationId, conversationId, month, usage });
  },

  async release({ organizationId, conversationId }, ordered) {
    const rows = await guarded(sql<{ answer: Posted }[]>`select release_queue(${organizationId}, ${conversationId}, ${ordered}) as answer`);
    return elsewhere(conversationId, first(rows).answer);
  },

  async repair({ organizationId, conversationId }) {
    const rows = await guarded(sql<{ answer: Posted }[]>`select repair_conversation(${organizationId}, ${conversationId}) as answer`);
    return elsewhere(conversationId, first(rows).answer);
  },

  async retain({ organizationId, conversationId }, { conversationsKeptDays, eventsKeptDays }, rowsMax) {
    const rows = await guarded(
      sql<{ answer: { more: boolean } }[]>`
        select retain_conversation(${organizationId}, ${conversationId}, ${conversationsKeptDays}, ${eventsKeptDays}, ${rowsMax}) as answer`,
    );
    return first(rows).answer.more;
  },
});

const elsewhere = (conversationId: string, posted: Posted): PostedElsewhere => ({ nudge: null, ...posted, conversationId });
