import type { Rules } from "./rules.ts";
import { type Action, type Card, isStopped, type Move, pick, type State, turnOf, type Worker } from "./state.ts";
import * as worker from "./worker.ts";

type Kind = Extract<Action, { worker: number }>["kind"];
type Add = (kind: Kind, change: (draft: State, self: Worker) => void, isProgress?: boolean) => void;

/** What a worker may do next, if it is up. */
export function workerMoves(s: State, rules: Rules, index: number, cardsMax: number): Move[] {
  const w = pick(s.workers, index);
  const moves: Move[] = [];
  if (w.life !== "up") return moves;
  const add: Add = (kind, change, isProgress = true) =>
    moves.push({ action: { kind, worker: index }, isProgress, change: (draft) => change(draft, pick(draft.workers, index)) });

  if (w.at === "idle") {
    addClaims(s, rules, add);
    return moves;
  }
  const mayWrite = worker.mayWrite(s, rules, w);
  const mustEnd = mayWrite && isStopped(s);
  if (w.at === "checked") add("send", worker.send);
  if (!mayWrite) add("letGo", worker.letGo);
  else {
    add("giveBack", worker.giveBack, false);
    if (!w.isFresh) add("renew", worker.renew);
  }
  if (mustEnd) add("writeStop", (draft, self) => worker.finish(draft, rules, self, draft.conversation.stopReason ?? "stopped"));
  if (mustEnd && rules.stopAtCommit) return moves;
  // It asks its own clock, not Postgres.
  if (w.at === "intended" && (w.isFresh || !rules.freshness)) add("check", worker.check);
  if (!mayWrite) return moves;
  if (w.at === "sent") add("writeResult", worker.writeResult);
  if (w.at === "thinking") addThoughts(s, rules, cardsMax, add);
  return moves;
}

function addClaims(s: State, rules: Rules, add: Add): void {
  if (!worker.mayClaim(s)) return;
  if (s.kicks.current || s.kicks.other) add("claim", (draft, self) => worker.claim(draft, rules, self, worker.takeKick(draft)));
  else add("claimLate", (draft, self) => worker.claim(draft, rules, self, false), false);
  add("claimInVain", (draft, self) => worker.claimInVain(draft, rules, self), false);
}

/** Between two steps: what comes next is the model's decision, or the journal's. */
function addThoughts(s: State, rules: Rules, cardsMax: number, add: Add): void {
  const { journal } = turnOf(s, s.turns.length);
  const complete = (draft: State, self: Worker) => worker.finish(draft, rules, self, "completed");
  switch (journal) {
    case "empty":
      add("complete", complete);
      add("writeIntent", worker.writeIntent);
      for (const [kind, cards] of ASKS) {
        if (s.cards.length + cards.length <= cardsMax) add(kind, (draft, self) => worker.ask(draft, rules, self, cards));
      }
      break;
    case "asked": {
      const isApproved = s.cards.some((card) => card.turn === s.turns.length && card.status === "approved");
      if (!isApproved) add("writeResult", worker.writeResult);
      else if (rules.approvedIntent) add("writeIntent", worker.writeIntent);
      else add("goOn", worker.goOn);
      return;
    }
    case "intent":
      if (rules.journal) add("writeUnknown", worker.writeUnknown);
      else add("goOn", worker.goOn);
      return;
    case "result":
    case "unknown":
      add("complete", complete);
      break;
  }
  if (s.conversation.steers.length > 0) add("hearSteers", worker.hearSteers);
}

const ASKS: [Kind, Card["kind"][]][] = [
  ["ask", ["question"]],
  ["askApproval", ["approval"]],
  ["askTwice", ["question", "approval"]],
];
