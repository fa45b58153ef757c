import type { Action } from "./state.ts";

/** An action in words, for traces. */
export function describeAction(action: Action): string {
  switch (action.kind) {
    case "submit":
      return `caller sends a message: ${action.mode}`;
    case "stop":
      return `caller stops turn ${action.turn}`;
    case "cancel":
      return `caller cancels message ${action.message + 1}`;
    case "answer":
      return `caller decides card ${action.card + 1}: ${action.outcome}`;
    case "orderDrain":
      return "caller orders a drain";
    case "deliverDrain":
      return "Redis delivers a drain order";
    case "expireMessage":
      return `message ${action.message + 1} expires`;
    case "passCard":
      return `card ${action.card + 1} is past its expiry`;
    case "passLease":
      return "the lease runs out";
    case "sweep":
      return "sweep and reaper look after it";
    case "flushRedis":
      return "Redis loses everything";
    case "loseKick":
      return "the kicks are lost";
    case "strandKick":
      return "a worker takes the kick and dies";
    default:
      return `worker ${"ABCD"[action.worker]} ${WORKER[action.kind]}`;
  }
}

const WORKER: Record<Extract<Action, { worker: number }>["kind"], string> = {
  claim: "claims",
  claimLate: "claims by a kick that comes late or twice",
  claimInVain: "claims, and Postgres forgets it in a crash",
  letGo: "is told that its lease is gone",
  giveBack: "gives its lease back",
  renew: "renews its lease",
  writeIntent: "writes down that it sends the call",
  goOn: "goes on with the call",
  check: "finds its lease young enough",
  send: "sends the call",
  writeResult: "writes down the result",
  writeUnknown: "writes down that the outcome is unknown",
  hearSteers: "takes up what the user has said",
  ask: "asks the user",
  askTwice: "asks the user and for an approval",
  askApproval: "asks for an approval",
  complete: "completes the turn",
  writeStop: "ends the turn as it was told",
  crash: "is killed",
  freeze: "freezes",
  thaw: "wakes up",
  replace: "is killed and started again",
};
