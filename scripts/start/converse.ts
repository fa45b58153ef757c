import { readEvents } from "./read-events.ts";
import type { Local } from "./seed.ts";

const QUESTION = "Tell me a joke";
const CONVERSATION_MS = 120_000;
const WIDE = 10;

interface Frame {
  type: string;
  task_id: string;
  data: unknown;
}

/** Holds one conversation with the default agent before the user's eyes, as a client would. Gives its id; rejects when it does not end well. */
export async function converse(local: Local, names: Record<string, string>, write: (text: string) => void): Promise<string> {
  const response = await fetch(`${local.url}/v1/agents/${local.agentId}/gateway/invoke/stream`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": local.apiKey },
    body: JSON.stringify({ input: { text: QUESTION } }),
    signal: AbortSignal.timeout(CONVERSATION_MS),
  });
  if (!response.ok || response.body === null) throw new Error(`the gateway answered ${response.status}: ${await response.text()}`);
  write(`\n  ${"You".padEnd(WIDE)} ${QUESTION}`);

  const speakers = new Map<string, string>();
  const nameOf = (agentId: unknown) => names[String(agentId)] ?? "Another agent";
  let speaking = "";
  for await (const frame of readEvents(response.body)) {
    const { type, task_id: taskId, data } = frame as unknown as Frame;
    const execution = typeof data === "object" && data !== null ? (data as Record<string, unknown>) : {};
    if (type === "task_created") speakers.set(taskId, nameOf(local.agentId));
    if (type === "sub_task_created") {
      const name = nameOf(execution["agent_id"]);
      speakers.set(String(execution["id"]), name);
      write(`\n  ${nameOf(local.agentId).padEnd(WIDE)} → ${name}`);
    }
    if (type === "chunk") {
      if (speaking !== taskId) write(`\n  ${(speakers.get(taskId) ?? "").padEnd(WIDE)} `);
      speaking = taskId;
      write(String(data).replaceAll("\n", `\n  ${" ".repeat(WIDE)} `));
    }
    if (type === "task_finished") {
      write("\n\n");
      if (execution["status"] === "completed") return taskId;
      throw new Error(`the turn ended as ${String(execution["status"])}: ${String(execution["result"])}`);
    }
  }
  throw new Error("the stream ended before the turn did");
}
