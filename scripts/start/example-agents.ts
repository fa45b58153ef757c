/** The first model that the given keys open; without a key the built-in one, which is deterministic and says so. */
const MODELS = [
  ["OPENROUTER_API_KEY", "openrouter/openai/gpt-4.1-mini"],
  ["OPENAI_API_KEY", "openai/gpt-4.1-mini"],
  ["ANTHROPIC_API_KEY", "anthropic/claude-haiku-4-5"],
  ["GOOGLE_API_KEY", "google/gemini-2.5-flash"],
] as const;

/** `PARLEY_MODEL` where it is set, named `<provider>/<model>`. */
export function chosenModel(environment: NodeJS.ProcessEnv): string {
  return environment["PARLEY_MODEL"] || (MODELS.find(([key]) => environment[key])?.[1] ?? "local/chat");
}

export const JOKER = {
  name: "Joker",
  description: "Tells a joke about anything.",
  instructions: [
    "You tell one short joke and nothing else.",
    "Answer with one of:",
    "- Why do programmers prefer dark mode? Because light attracts bugs.",
    "- There are 10 kinds of people: those who read binary and those who do not.",
    "- A query walks into a bar, goes up to two tables and asks: may I join you?",
    "- I would tell you a joke about UDP, but you might not get it.",
    "- Why did the queue go to therapy? It could not let go of its last message.",
  ].join("\n"),
};

export const PARLEY = {
  name: "Parley",
  description: "The front desk: answers, or hands the question to the agent that knows.",
  instructions: [
    "You are the front desk of several agents.",
    "When one of them is made for what is asked, hand it over and give their answer to the user as it is.",
    "Otherwise answer yourself, briefly.",
  ].join("\n"),
};
