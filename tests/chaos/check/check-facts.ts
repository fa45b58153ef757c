import type { Facts, Rule } from "./facts.ts";
import { answersWhole } from "./rules/answers-whole.ts";
import { cardsCloseOnce } from "./rules/cards-close-once.ts";
import { childrenEnd } from "./rules/children-end.ts";
import { cursorsGrow } from "./rules/cursors-grow.ts";
import { messagesEnd } from "./rules/messages-end.ts";
import { modelAskedOnce } from "./rules/model-asked-once.ts";
import { moneyExact } from "./rules/money-exact.ts";
import { peersActOnce } from "./rules/peers-act-once.ts";
import { stepsOnce } from "./rules/steps-once.ts";
import { stopsHold } from "./rules/stops-hold.ts";
import { toolsActOnce } from "./rules/tools-act-once.ts";
import { turnsEndOnce } from "./rules/turns-end-once.ts";
import { usageOnce } from "./rules/usage-once.ts";

/** Nothing waits without somebody whose turn it is. */
const atRest: Rule = ({ unrest }) => unrest;

const RULES: Record<string, Rule> = {
  atRest,
  messagesEnd,
  turnsEndOnce,
  cursorsGrow,
  stepsOnce,
  modelAskedOnce,
  answersWhole,
  childrenEnd,
  toolsActOnce,
  peersActOnce,
  cardsCloseOnce,
  stopsHold,
  usageOnce,
  moneyExact,
};

/** Everything that is wrong with a trial, a line each: the rule and what it found. Knows nothing of how the engine works. */
export const checkFacts = (facts: Facts): string[] =>
  Object.entries(RULES).flatMap(([name, rule]) => rule(facts).map((what) => `${name}: ${what}`));
