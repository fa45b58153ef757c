import type { Question } from "@parley/contracts";
import { cardExpiry } from "../turn/open-card.ts";
import { storableText } from "../turn/storable.ts";
import type { NewCard } from "../turn/stored-card.ts";
import type { RunningExecution, TurnRun } from "../turn/turn-run.ts";
import { DONE, GIVE_UP } from "./call-peer.ts";
import type { PeerOutcome } from "./peer-client.ts";
import type { PeerCallRow } from "./peer-store.ts";

const PROMPT_CHARS_MAX = 3_500;

/** What a peer wants of a person, in its own words. */
export function peerCard(
  run: TurnRun,
  { agent }: RunningExecution,
  { id, step, callIndex, call, outcome }: { id: string; step: number; callIndex: number; call: PeerCallRow; outcome: PeerOutcome },
): NewCard {
  return {
    ...{ id, executionId: call.id, step, callIndex, kind: "questions", argumentsHash: null },
    body: [outcome.state === "auth-required" ? authorization(call, outcome) : question(call, outcome)],
    expiresAt: cardExpiry(run, agent.config.questionsExpireAfterSeconds),
  };
}

const words = ({ prompt }: PeerOutcome, otherwise: string): string => {
  const said = storableText(prompt.slice(0, PROMPT_CHARS_MAX)).trim();
  return said === "" ? otherwise : said;
};

const question = ({ target }: PeerCallRow, outcome: PeerOutcome): Question => ({
  ...{ id: "input", text: `The agent ${target.name} asks: ${words(outcome, "more input, without saying what.")}`, header: target.name },
  ...{ multiSelect: false, allowFreeText: true, required: true, options: [] },
});

const authorization = ({ target }: PeerCallRow, outcome: PeerOutcome): Question => ({
  id: "authorization",
  text: `The agent ${target.name} needs an authorization: ${words(outcome, "it does not say which.")} Give it where the agent asks for it, never here.`,
  header: target.name,
  ...{ multiSelect: false, allowFreeText: false, required: true },
  options: [
    { id: DONE, label: "It is given; go on" },
    { id: GIVE_UP, label: "Do not go on" },
  ],
});
