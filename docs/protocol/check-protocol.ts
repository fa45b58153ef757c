import { COMES_TO_REST, explore } from "./explore.ts";
import { checkMutation, MUTATIONS, type Mutation } from "./mutations.ts";
import { type Bounds, protocolModel } from "./protocol-model.ts";
import { RULES } from "./rules.ts";

/** As much as can be looked at within a minute on one core. */
const BOUNDS: Bounds[] = [
  { messages: 3, cards: 1, workers: 2 },
  { messages: 2, cards: 2, workers: 2 },
];

const say = (line: string) => process.stdout.write(`${line}\n`);
const sayTrace = (trace: string[]) => {
  for (const [index, line] of trace.entries()) say(`${String(index + 1).padStart(10)}. ${line}`);
};

/** Says what was looked at within these bounds; true when every law held. */
function checkLaws(bounds: Bounds): boolean {
  const startedAtMs = performance.now();
  const model = protocolModel(bounds, RULES);
  const { states, steps, depth, counterexample } = explore(model);
  const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
  const { messages, cards, workers } = bounds;
  say(`Within ${messages} messages, ${cards} cards, ${workers} workers (${steps} steps, depth ${depth}, ${seconds} s):\n`);
  const laws = [...Object.keys(model.invariants), ...Object.keys(model.laws), COMES_TO_REST];
  for (const law of laws.filter((name) => counterexample === null || name === counterexample.broken)) {
    say(`  ${counterexample === null ? "holds " : "BROKEN"} ${String(states).padStart(8)} states  ${law}`);
  }
  sayTrace(counterexample?.trace ?? []);
  say("");
  return counterexample === null;
}

/** Says how the laws break without a rule; true when all were seen to break that should. */
function checkMissingRule(mutation: Mutation): boolean {
  say(`\n  ${mutation.name} (without ${mutation.without.join(", ")})`);
  const found = mutation.breaks.map((law) => {
    const { states, counterexample } = checkMutation(mutation, law);
    const isFound = counterexample?.broken === law;
    say(`    ${isFound ? "breaks" : "MISSED"} ${String(states).padStart(8)} states  ${law}`);
    sayTrace(counterexample?.trace ?? []);
    return isFound;
  });
  return found.every(Boolean);
}

const hold = BOUNDS.map(checkLaws);
say("Without a rule, the shortest way to break a law:");
const seen = MUTATIONS.map(checkMissingRule);
if (![...hold, ...seen].every(Boolean)) process.exitCode = 1;
