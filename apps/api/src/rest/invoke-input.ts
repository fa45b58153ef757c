import type { SubmitInput } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import { type Call, onAgent } from "./call.ts";
import { readJsonBody } from "./json-body.ts";
import { parse } from "./parse.ts";
import { idempotencyHeader, invokeBody, runQuery, toSubmitInput } from "./wire-input.ts";

/** An invoke's path, query, headers and body, as the domain takes them; `caller` is narrowed to the path's agent. */
export async function readInvoke(call: Call): Promise<{ caller: Caller; input: SubmitInput }> {
  const { agentId, caller } = onAgent(call);
  const query = parse(runQuery, call.request.query, "query");
  const { "idempotency-key": key } = parse(idempotencyHeader, call.request.headers, "header");
  const body = parse(invokeBody, await readJsonBody(call.request, call.response), "body");
  return { caller, input: toSubmitInput({ agentId, body, query, key }) };
}
