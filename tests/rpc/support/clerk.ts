import { randomUUID } from "node:crypto";
import { type ModelServerRequest, type System, type SystemOptions, startSystem } from "@parley/testkit";
import { openRpc, type RpcClient } from "./rpc-client.ts";

/** A system with an agent that asks, pays with an approval, remembers and takes its time, as it is told; and a socket with every scope. */
export interface Clerk {
  system: System;
  client: RpcClient;
  agentId: string;
  /** Has the agent answer a message. */
  execute(message: string, more?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** What a call is refused with; undefined where it is not. */
  refused(method: string, params?: Record<string, unknown>): Promise<unknown>;
  close(): Promise<void>;
}

export const isTold =
  (text: string) =>
  ({ body }: ModelServerRequest): boolean => {
    const last = body.messages?.at(-1);
    return last?.role === "user" && last.content === text;
  };

export async function startClerk(options: SystemOptions = {}): Promise<Clerk> {
  const system = await startSystem(options);
  const client = await openRpc(system.apis[0]?.url ?? "", system.ours.apiKey);
  const agentId = await system.ours.newAgent({
    name: "Clerk",
    mayAsk: true,
    tools: [{ name: "pay", url: `${system.tools.url}/pay`, needsApproval: true }],
    memory: { remember: true, scopes: ["organization"] },
  });
  const questions = { questions: [{ id: "q", text: "Which one?" }] };
  system.model.when(isTold("ask"), { toolCalls: [{ name: "ask_user_questions", arguments: questions }] });
  system.model.when(isTold("pay"), { toolCalls: [{ name: "pay", arguments: { amount: 3 } }] });
  system.model.when(isTold("remember"), () => ({ toolCalls: [{ name: "remember", arguments: { text: `fact ${randomUUID()}` } }] }));
  system.model.when(isTold("long"), { text: Array.from({ length: 400 }, () => "x "), delayMs: 20 });
  system.model.otherwise({ text: ["Hello ", "there"] });
  return {
    system,
    client,
    agentId,
    execute: (message, more = {}) => client.result("agent.execute", { agentId, message, ...more }),
    refused: async (method, params) => (await client.call(method, params)).error,
    async close() {
      await client.close();
      await system.close();
    },
  };
}
