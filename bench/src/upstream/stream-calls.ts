import type { ServerResponse } from "node:http";
import { deltaFrame, endFrames, openAnswer } from "./frames.ts";

/** Answers with so many calls of one tool, and nothing else. */
export function streamCalls(response: ServerResponse, model: string, tool: string, count: number): void {
  const calls = Array.from({ length: count }, (_, index) => ({
    index,
    id: `call-${index}`,
    type: "function",
    function: { name: tool, arguments: JSON.stringify({ query: `Part ${index}` }) },
  }));
  openAnswer(response);
  response.write(deltaFrame(model, { role: "assistant", tool_calls: calls }));
  response.end(endFrames(model, "tool_calls", count));
}
