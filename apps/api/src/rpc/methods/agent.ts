import {
  agentVersion,
  conversationId,
  endUser,
  GatewayError,
  agentId as id,
  messageInput,
  messageMode,
  submitInput,
  turnOptions,
} from "@parley/contracts";
import type { z } from "zod";
import { turnEars } from "../events.ts";
import { type MethodsOf, method, type RpcCall } from "../method.ts";
import { runTurn } from "../run-turn.ts";

const shape = {
  message: messageInput.shape.text.unwrap().min(1),
  files: messageInput.shape.files.optional(),
  agentId: id.optional(),
  version: agentVersion.optional(),
  /** Goes on with it; absent: a new one. */
  conversationId: conversationId.optional(),
  mode: messageMode.optional(),
  user: endUser.optional(),
  options: turnOptions.optional(),
};

/** Whom the message is for: who is named, else the conversation's own agent, else the only one that the caller may use. */
export async function agentOf(
  { gateway, caller }: Pick<RpcCall, "gateway" | "caller">,
  named: { agentId?: string | undefined; conversationId?: string | undefined },
): Promise<string> {
  if (named.agentId !== undefined) return named.agentId;
  if (named.conversationId !== undefined) return (await gateway.getRunState(caller, named.conversationId)).agentId;
  const { items } = await gateway.listAgents(caller, { page: 1, perPage: 2 });
  const [only, ...others] = items;
  if (only !== undefined && others.length === 0) return only.id;
  throw new GatewayError("invalid_input", {
    issues: [{ path: ["agentId"], code: "missing", message: "There is more than one agent, or none." }],
    text: "Missing required parameter: agentId",
  });
}

async function inputOf(call: RpcCall, { message, agentId, ...rest }: z.output<z.ZodObject<typeof shape>>) {
  return submitInput.parse({ ...rest, text: message, agentId: await agentOf(call, { agentId, ...rest }) });
}

export const agent = {
  "agent.execute": method(shape, async (call, params) => runTurn(call, { input: await inputOf(call, params) })),
  "agent.stream": method(shape, async (call, params) => runTurn(call, { input: await inputOf(call, params), ears: turnEars(call) })),
} satisfies MethodsOf<"agent">;
