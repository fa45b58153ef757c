import type { ToolReply, ToolRequest } from "@parley/testkit/tool-server";

/** How a tool goes about its work: the `how` of its arguments. */
const WAYS: Record<string, ToolReply> = {
  plain: {},
  slow: { delayMs: 300 },
  late: { answerDelayMs: 300 },
  lost: { breaks: { how: "cut", when: "after" } },
  unreached: { breaks: { how: "cut", when: "before" } },
  failing: { status: 500, body: "failed" },
};

/** Answers with the order that it was given, so that a result tells whose it is. */
export function scriptedTool({ arguments: given }: ToolRequest): ToolReply {
  const { order, how } = given as { order: string; how: string };
  return { body: order, ...WAYS[how] };
}
