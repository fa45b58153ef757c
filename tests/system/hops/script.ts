import { type System, tokenText } from "@parley/testkit";

/** What is said in a trial; the model answers each in its own way. */
export const SAY = {
  /** Asks the other agent and a tool, and waits for both. */
  joke: "joke",
  /** Calls a tool between two long steps. */
  walk: "walk",
  steer: "mind the gap",
  /** Asks the user. */
  ask: "ask",
  /** Calls a tool that needs an approval. */
  pay: "pay",
  /** Long enough to be interrupted. */
  count: "count",
  short: "short",
  end: "end",
} as const;

export const END = "That is all.";
const TEXTS = {
  lead: tokenText(30),
  joke: tokenText(60),
  count: tokenText(250),
  short: tokenText(12),
  end: END,
};

/** Every text that a step of a trial may have, whole. */
export const STEP_TEXTS: readonly string[] = Object.values(TEXTS);

const chunks = (text: string): string[] => text.split(/(?= )/);
const QUESTIONS = { questions: [{ id: "q", text: "Which one?" }] };

/** Teaches the model and makes the agent that trials talk to. */
export async function openScript({ model, tools, ours }: System): Promise<string> {
  const parameters = { type: "object" };
  const joker = await ours.newAgent({ name: "Joker", description: "Tells jokes" });
  const agentId = await ours.newAgent({
    name: "Router",
    mayAsk: true,
    subAgents: [{ agentId: joker as never, mode: "sync" }],
    tools: [
      { name: "look", url: `${tools.url}/look`, parameters, idempotent: true },
      { name: "pay", url: `${tools.url}/pay`, parameters, needsApproval: true },
    ],
  });

  const says = (text: string, delayMs = 8) => ({ text: chunks(text), delayMs });
  const call = (name: string, given: object = {}) => ({ name, arguments: given });
  /** The first step of a turn; behind a result comes its second. */
  const first = (text: string, reply: object): void =>
    model.when(({ lastUserText, body }) => lastUserText === text && body.messages?.at(-1)?.role === "user", reply);
  const whole = (text: string, reply: object): void => model.when(({ lastUserText }) => lastUserText === text, reply);

  first(SAY.joke, { ...says(TEXTS.lead), toolCalls: [call("joker", { query: "a joke" }), call("look")] });
  first(SAY.walk, { ...says(TEXTS.lead), toolCalls: [call("look")] });
  first(SAY.ask, { ...says(TEXTS.short), toolCalls: [call("ask_user_questions", QUESTIONS)] });
  first(SAY.pay, { ...says(TEXTS.short), toolCalls: [call("pay")] });
  whole("a joke", says(TEXTS.joke));
  whole(SAY.count, says(TEXTS.count, 6));
  whole(SAY.end, says(TEXTS.end));
  model.otherwise(says(TEXTS.short));
  return agentId;
}
