import { CREDIT_MICROS, INPUT_PICO, OUTPUT_PICO, PEER_MICROS } from "../../arena/prices.ts";
import { type ChargeRow, eventsOf, type Facts, grouped, type Rule, type UsageRow } from "../facts.ts";

const PICO_PER_MICRO = 1_000_000n;

const sumOf = (values: Iterable<{ amountMicros: number }>): number => [...values].reduce((sum, { amountMicros }) => sum + amountMicros, 0);

/** To the micro-unit, half up. */
function costOf({ inputTokens, outputTokens }: Pick<UsageRow, "inputTokens" | "outputTokens">): number {
  const pico = BigInt(inputTokens) * BigInt(INPUT_PICO) + BigInt(outputTokens) * BigInt(OUTPUT_PICO);
  return Number((pico + PICO_PER_MICRO / 2n) / PICO_PER_MICRO);
}

const keyOf = ({ turnId, executionId, attempt, step, try: tried }: UsageRow): string =>
  [turnId, executionId, attempt, step, tried].join("/");

/** The books of the whole organization. */
function wrongInTheBooks({ money }: Facts): string[] {
  const wrong: string[] = [];
  const { entries, balances, charges, holds } = money;
  if (sumOf(entries) !== 0) wrong.push(`the entries add up to ${sumOf(entries)}`);
  for (const [id, sides] of grouped(entries, ({ transactionId }) => transactionId)) {
    if (sumOf(sides) !== 0) wrong.push(`the transaction ${id} adds up to ${sumOf(sides)}`);
  }
  const accounts = grouped(entries, ({ account }) => account);
  for (const account of new Set([...accounts.keys(), ...balances.map((row) => row.account)])) {
    const kept = balances.find((row) => row.account === account)?.balanceMicros ?? 0;
    const sum = sumOf(accounts.get(account) ?? []);
    if (kept !== sum) wrong.push(`${account} is kept as ${kept}, and its entries add up to ${sum}`);
  }
  for (const { account, heldMicros } of balances) if (heldMicros !== 0) wrong.push(`of ${account} ${heldMicros} are held at rest`);
  if (holds !== 0) wrong.push(`${holds} holds are left at rest`);
  const credits = sumOf(entries.filter(({ account, sourceType }) => account === "customer" && sourceType !== "usage"));
  if (credits !== CREDIT_MICROS) wrong.push(`${credits} were given, instead of ${CREDIT_MICROS}`);
  const paid = grouped(
    charges.filter(({ transactionId }) => transactionId !== null),
    ({ transactionId }) => transactionId ?? "",
  );
  for (const [id, sides] of grouped(
    entries.filter(({ sourceType }) => sourceType === "usage"),
    ({ transactionId }) => transactionId,
  )) {
    const earned = sumOf(sides.filter(({ account }) => account === "revenue"));
    const charged = sumOf(paid.get(id) ?? []);
    if (earned !== charged) wrong.push(`the transaction ${id} earns ${earned} for charges of ${charged}`);
    paid.delete(id);
  }
  for (const id of paid.keys()) wrong.push(`charges name the transaction ${id}, which the ledger does not have`);
  return wrong;
}

/** What the trial used: each line is charged once, at its price; of a step, one attempt at most is the customer's. */
function wrongCharges({ money, usage }: Facts): string[] {
  const wrong: string[] = [];
  const charges = grouped(money.charges, ({ sourceId }) => sourceId);
  for (const line of usage) {
    const [charge, ...more] = charges.get(keyOf(line)) ?? [];
    if (charge === undefined) wrong.push(`the use ${keyOf(line)} is not charged`);
    else if (more.length > 0) wrong.push(`the use ${keyOf(line)} is charged ${more.length + 1} times`);
    else wrong.push(...wrongCharge(line, charge));
  }
  const customers = money.charges.filter(({ payer }) => payer === "customer");
  const byStep = grouped(
    usage.filter((line) => customers.some(({ sourceId }) => sourceId === keyOf(line))),
    ({ turnId, executionId, step }) => `${turnId}/${executionId}/${step}`,
  );
  for (const [step, lines] of byStep) {
    const attempts = new Set(lines.map(({ attempt }) => attempt));
    if (attempts.size > 1) wrong.push(`the customer pays for the step ${step} of the attempts ${[...attempts].join(" and ")}`);
  }
  return wrong;
}

function wrongCharge(line: UsageRow, charge: ChargeRow): string[] {
  const wrong: string[] = [];
  const { inputTokens, outputTokens, estimated } = line;
  if (charge.inputTokens !== inputTokens || charge.outputTokens !== outputTokens || charge.estimated !== estimated)
    wrong.push(`the use ${keyOf(line)} is charged as ${charge.inputTokens}/${charge.outputTokens}, and was ${inputTokens}/${outputTokens}`);
  if (charge.amountMicros !== costOf(line))
    wrong.push(`the use ${keyOf(line)} costs ${costOf(line)} and was charged ${charge.amountMicros}`);
  return wrong;
}

/** Each call that a peer has taken up is charged once, whatever became of it; one that nobody knows of, at most once. */
function wrongPeerCharges(facts: Facts): string[] {
  const taken = new Set(facts.peers.tasks.map(({ order }) => order));
  const charges = grouped(
    facts.money.charges.filter(({ sourceType }) => sourceType === "peer"),
    ({ sourceId }) => sourceId,
  );
  return eventsOf(facts, "child.created").flatMap(({ data }) => {
    if (data.peer === undefined) return [];
    const order = data.peer.callId;
    const own = charges.get(data.childId) ?? [];
    const wrong = own
      .filter(({ amountMicros }) => amountMicros !== PEER_MICROS)
      .map(({ amountMicros }) => `the call ${order} was charged ${amountMicros}`);
    if (own.length > 1) wrong.push(`the call ${order} is charged ${own.length} times`);
    if (own.length === 0 && taken.has(order)) wrong.push(`the call ${order} was taken up and is not charged`);
    return wrong;
  });
}

/** There is money for everything: nobody is refused. */
const refusals = (facts: Facts): string[] =>
  facts.events.flatMap(({ type, turnId, data }) =>
    type === "turn.failed" && (data as { reason: string }).reason === "budget" ? [`turn ${turnId} ended for want of money`] : [],
  );

/** The books add up, nothing is held at rest, each use and each call of a peer is charged once at its price, and nobody is refused who has money. */
export const moneyExact: Rule = (facts) => [
  ...wrongInTheBooks(facts),
  ...wrongCharges(facts),
  ...wrongPeerCharges(facts),
  ...refusals(facts),
];
