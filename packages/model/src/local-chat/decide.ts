import type { ModelMessage, ModelRequest, ToolCall, ToolDefinition } from "@parley/domain";
import { hashText } from "../hash-text.ts";
import { ASK_TOOL, askArguments } from "./ask-user.ts";
import { fillSchema } from "./fill-schema.ts";
import { labelled, plainAnswer, quotedResults } from "./local-answer.ts";
import { localSummary, summaryCharsMax } from "./local-summary.ts";
import { matchTools } from "./match-tools.ts";

export type Decision = { calls: ToolCall[] } | { text: string };

const callOf = (name: string, args: unknown, place: string): ToolCall => {
  const text = JSON.stringify(args);
  return { id: `call_${hashText(`${place} ${name} ${text}`).toString(16).padStart(8, "0")}`, name, arguments: text };
};

/** The tools to call and with what. Asking the user needs to be told to, or to be all there is. */
const chooseCalls = (request: ModelRequest, text: string): { name: string; args: unknown }[] => {
  const tools = request.tools ?? [];
  const choice = request.toolChoice ?? "auto";
  if (choice === "none" || tools.length === 0) return [];
  const filled = (tool: ToolDefinition) => ({
    name: tool.name,
    args:
      (tool.name === ASK_TOOL ? (askArguments(text, tools) ?? askArguments(`ask me ${text}`, tools)) : null) ??
      fillSchema(tool.parameters, text),
  });
  if (typeof choice === "object") return tools.filter((tool) => tool.name === choice.name).map(filled);
  const asked = askArguments(text, tools);
  if (asked !== null) return [{ name: ASK_TOOL, args: asked }];
  const others = tools.filter((tool) => tool.name !== ASK_TOOL);
  const matching = matchTools(text, others);
  if (matching.length > 0 || choice === "auto") return matching.map(filled);
  return [others[0] ?? tools[0]].flatMap((tool) => (tool === undefined ? [] : [filled(tool)]));
};

const toolResultsOf = (since: ModelMessage[]) => since.filter((message) => message.role === "tool");

/**
 * What the built-in model does: it quotes the results of the calls it made for the newest user message; else it calls the
 * tools that the choice demands or the text speaks of; else it answers, as JSON where a schema is asked for, and in excerpts where the
 * instructions begin by asking for a summary.
 */
export const decide = (request: ModelRequest): Decision => {
  const { messages, responseSchema } = request;
  const newest = messages.findLastIndex((message) => message.role === "user");
  const text = messages[newest]?.content ?? "";
  const since = messages.slice(newest + 1);
  const results = toolResultsOf(since);
  if (results.length === 0) {
    const calls = chooseCalls(request, text);
    // The place keeps the ids of one conversation apart; the same input still gives the same id.
    if (calls.length > 0) return { calls: calls.map(({ name, args }, index) => callOf(name, args, `${messages.length}.${index}`)) };
  }
  if (responseSchema !== undefined) {
    const source = results.map((result) => result.content).join("\n") || text;
    return { text: JSON.stringify(fillSchema(responseSchema, source)) };
  }
  if (results.length > 0) return { text: quotedResults(since) };
  const charsMax = summaryCharsMax(messages);
  return { text: charsMax === null ? plainAnswer(messages, text) : labelled(localSummary(text, charsMax)) };
};
