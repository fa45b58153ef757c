import type { SubmitInput } from "@parley/contracts";
import { type Caller, checkMessage } from "@parley/domain";
import { type Call, type Door, keyOf, onAgent } from "./call.ts";
import { parse } from "./parse.ts";
import { invokeBody, runQuery, toSubmitInput } from "./wire-input.ts";

/** An invoke's path, query, headers and body, as the domain takes them; `caller` is narrowed to the path's agent. */
export async function readInvoke({ readJsonBody, limits }: Door, call: Call): Promise<{ caller: Caller; input: SubmitInput }> {
  const { agentId, caller } = onAgent(call);
  const query = parse(runQuery, call.request.query, "query");
  const body = parse(invokeBody, await readJsonBody(call.request, call.response), "body");
  const input = toSubmitInput({ agentId, body, query, key: keyOf(call, body.idempotency_key) });
  // Here already, so that a stream is refused before its head.
  checkMessage(input, limits);
  return { caller, input };
}
