import {
  agentVersion,
  conversationId,
  endUser,
  agentId as id,
  messageInput,
  messageMode,
  submitInput,
  turnOptions,
} from "@parley/contracts";
import type { z } from "zod";
import { agentOf } from "../../turn/agent-of.ts";
import { runTurn } from "../../turn/run-turn.ts";
import { turnEars } from "../events.ts";
import { type MethodsOf, method, type RpcCall } from "../method.ts";

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

async function inputOf(call: RpcCall, { message, agentId, ...rest }: z.output<z.ZodObject<typeof shape>>) {
  return submitInput.parse({ ...rest, text: message, agentId: await agentOf(call, { agentId, ...rest }) });
}

export const agent = {
  "agent.execute": method(shape, async (call, params) => runTurn(call, { input: await inputOf(call, params) })),
  "agent.stream": method(shape, async (call, params) => runTurn(call, { input: await inputOf(call, params), ears: turnEars(call) })),
} satisfies MethodsOf<"agent">;
