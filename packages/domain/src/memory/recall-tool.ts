import { checkArguments, recallArguments } from "@parley/contracts";
import type { AgentTool } from "../turn/agent-tool.ts";
import { enclosed } from "../turn/enclosed.ts";
import { excerpt } from "./excerpt.ts";
import type { MemoryStore, RecalledTurn, SearchWord } from "./memory-store.ts";
import { searchWords } from "./search-words.ts";

const TURNS_MAX = 10;
const EXCERPT_CHARS_MAX = 600;

/** Searches the conversation's earlier turns, also those that only a summary stands for. */
export const recallTool = (memories: Pick<MemoryStore, "recall">): AgentTool => ({
  definition: {
    name: "recall",
    description: "Searches the earlier turns of this conversation for words and returns what was said, with the numbers of the turns.",
    parameters: {
      type: "object",
      properties: {
        query: { type: "string", description: "Words that were likely said then." },
        limit: { type: "integer", minimum: 1, maximum: TURNS_MAX, description: "How many turns at most; 5 where absent." },
      },
      required: ["query"],
      additionalProperties: false,
    },
  },
  idempotent: true,
  needsApproval: false,
  sensitive: false,
  async run(call) {
    const input = checkArguments(recallArguments, call.arguments);
    if (!input.ok) return { text: `The arguments do not fit the schema: ${input.why}`, isError: true, words: "own" };
    const words = searchWords(input.value.query);
    const turnsMax = input.value.limit ?? 5;
    // Whole words first; only where there are none also inside others.
    const turns = await memories.recall(call, { words, turnsMax });
    const found =
      turns.length > 0 ? turns : await memories.recall(call, { words: words.map(({ word }) => ({ word, within: true })), turnsMax });
    if (found.length === 0)
      return { text: "Nothing that was said earlier in this conversation has these words.", isError: false, words: "own" };
    return { text: enclosed("earlier_turns", found.map((turn) => tell(turn, words)).join("\n\n")), isError: false, words: "enclosed" };
  },
});

const tell = ({ number, at, text, result }: RecalledTurn, words: SearchWord[]): string =>
  `Turn ${number} (${at.slice(0, 10)})\nUser: ${excerpt(text, words, EXCERPT_CHARS_MAX)}\nAssistant: ${excerpt(result ?? "", words, EXCERPT_CHARS_MAX)}`;
