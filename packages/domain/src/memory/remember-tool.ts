import { checkArguments, type MemoryId, type MemoryScope, newId, rememberArguments } from "@parley/contracts";
import { useBeside } from "../billing/use-beside.ts";
import type { AgentTool } from "../turn/agent-tool.ts";
import { embedTexts } from "./embed-texts.ts";
import { memoryPlace } from "./memory-places.ts";
import type { MemoryPorts } from "./memory-ports.ts";

interface RememberFacts {
  /** Those that the agent may write to; the first is the one where the model names none. */
  scopes: MemoryScope[];
  turnNumber: number;
  /** Whether a tool, a peer or a page has had a say in the turn so far. */
  isTainted: () => boolean;
}

/** Keeps a fact for later conversations. A repeated call keeps it once, as the same text in the same place is one memory. */
export function rememberTool(ports: MemoryPorts, { scopes, turnNumber, isTainted }: RememberFacts): AgentTool {
  const { memoryCharsMax, memoriesPerScopeMax } = ports.limits;
  return {
    definition: {
      name: "remember",
      description:
        "Keeps one short fact for later conversations. Use it for what the user wants remembered or what will surely be needed again.",
      parameters: {
        type: "object",
        properties: {
          text: { type: "string", description: "The fact, as one sentence that can be understood by itself.", maxLength: memoryCharsMax },
          scope: { type: "string", enum: scopes, description: "Whom it is about, and so who is told it." },
        },
        required: ["text"],
        additionalProperties: false,
      },
    },
    idempotent: true,
    needsApproval: false,
    sensitive: false,
    async run(call) {
      const input = checkArguments(rememberArguments, call.arguments);
      if (!input.ok) return { text: `The arguments do not fit the schema: ${input.why}`, isError: true, words: "own" };
      const scope = input.value.scope ?? scopes[0];
      if (scope === undefined || !scopes.includes(scope))
        return { text: `This agent keeps nothing in the scope ${scope}.`, isError: true, words: "own" };
      const place = memoryPlace(scope, call);
      if (place === null)
        return { text: "It is not known who the user is, so nothing about them can be kept.", isError: true, words: "own" };
      const { text } = input.value;
      if (text.length > memoryCharsMax) return { text: `A fact has at most ${memoryCharsMax} characters.`, isError: true, words: "own" };
      const id = newId<MemoryId>();
      const { agentId, conversationId, executionId, organizationId } = call;
      // Under the memory's own id: the turn's usage is the model's.
      const use = useBeside(ports, { id, organizationId, conversationId, executionId });
      try {
        const [embedding = null] = await embedTexts(ports, { texts: [text], signal: call.signal, use });
        const memory = { id, ...place, agentId, text, tainted: isTainted(), conversationId, turnNumber, embedding };
        await ports.memories.save(organizationId, [memory], memoriesPerScopeMax);
      } finally {
        await use.record();
      }
      return { text: "It will be remembered.", isError: false, words: "own" };
    },
  };
}
