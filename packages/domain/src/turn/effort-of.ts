import { type AgentConfig, type ReasoningEffort, reasoningEffort, type TurnOptions } from "@parley/contracts";

const LEVELS: readonly ReasoningEffort[] = reasoningEffort.options;
/** What providers do where nothing is said. */
const USUAL: ReasoningEffort = "medium";

/** How hard the model is asked to think: as the turn says, else as the agent does; one level more for `harder`. Nothing where none is set. */
export function effortOf(
  config: Pick<AgentConfig, "reasoningEffort">,
  options: Pick<TurnOptions, "reasoningEffort" | "thinkMode">,
): { reasoningEffort?: ReasoningEffort } {
  const level = options.reasoningEffort ?? config.reasoningEffort;
  if (options.thinkMode !== "harder") return level === undefined ? {} : { reasoningEffort: level };
  return { reasoningEffort: LEVELS[LEVELS.indexOf(level ?? USUAL) + 1] ?? "xhigh" };
}
