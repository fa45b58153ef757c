import type { AgentTool } from "../turn/agent-tool.ts";
import type { TurnAgent } from "../turn/turn-store.ts";
import type { MemoryPorts } from "./memory-ports.ts";
import { recallTool } from "./recall-tool.ts";
import { rememberTool } from "./remember-tool.ts";

interface MemoryFacts {
  turnNumber: number;
  /** Some turns are no longer in the prompt. */
  hasSummary: boolean;
  /** Whether a tool, a peer or a page has had a say in the turn so far. */
  isTainted: () => boolean;
}

/** The memory tools that an agent's configuration switches on, in a turn of its conversation. */
export function memoryTools(ports: MemoryPorts, { config }: TurnAgent, { turnNumber, hasSummary, isTainted }: MemoryFacts): AgentTool[] {
  const { recall, remember, scopes } = config.memory;
  return [
    ...(recall && hasSummary ? [recallTool(ports.memories)] : []),
    ...(remember ? [rememberTool(ports, { scopes, turnNumber, isTainted })] : []),
  ];
}
