import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { type GatewayError, mcpTool } from "@parley/contracts";
import { MCP_TOOL_ROWS, toGatewayError } from "@parley/router";
import { z } from "zod";
import type { ToolCall } from "./call.ts";
import { TOOLS } from "./tools.ts";
import { untrusted } from "./untrusted.ts";

const refused = (text: string): CallToolResult => ({ isError: true, content: [{ type: "text", text }] });

/** Names that begin with `_` are our own and never a caller's. */
const ownArguments = (given: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(given).filter(([name]) => !name.startsWith("_")));

/** Calls a tool of the key's list. Whatever comes of it is a result, which the model reads. */
export async function callTool(call: ToolCall, { name, given }: { name: string; given: Record<string, unknown> }): Promise<CallToolResult> {
  const { access, caller, visitor, limits, log } = call;
  const known = mcpTool.safeParse(name);
  if (!known.success || !access.tools.includes(known.data)) return refused(`[policy_violation] The tool is not allowed here.`);
  const lastsMs = await visitor.countWithin(
    { name: `mcp:${known.data}`, max: access.toolCallsMax[known.data] ?? limits.mcpToolCallsMax },
    caller,
  );
  if (lastsMs > 0) return refused(`[rate_limit_exceeded] Too many calls of this tool; resetAt=${Math.ceil(Date.now() + lastsMs)}`);
  try {
    const { rateLimit } = MCP_TOOL_ROWS[known.data];
    if (rateLimit !== "none") await visitor.count(rateLimit, caller);
    const { input, run } = TOOLS[known.data];
    const read = input.safeParse(ownArguments(given));
    if (!read.success) return refused(`[invalid_args] ${z.prettifyError(read.error)}`);
    const told = await run(call, read.data as never);
    const { text, isError } = typeof told === "string" ? { text: told, isError: false } : told;
    return { ...(isError && { isError }), content: [{ type: "text", text: untrusted(text) }] };
  } catch (thrown) {
    return refusalOf(toGatewayError(thrown), (error) => log.error({ error, tool: name }, "a tool failed"));
  }
}

function refusalOf(error: GatewayError, note: (error: unknown) => void): CallToolResult {
  if (error.code === "internal") note(error.cause ?? error);
  if (error.code === "too_many_requests")
    return refused(`[rate_limit_exceeded] ${error.message} resetAt=${Date.now() + 1_000 * (error.retryAfterSeconds ?? 1)}`);
  if (error.code === "invalid_input") return refused(`[invalid_args] ${error.issues?.[0]?.message ?? error.message}`);
  return refused(error.message.startsWith("[") ? error.message : `[dispatch_error] ${error.code}: ${error.message}`);
}
