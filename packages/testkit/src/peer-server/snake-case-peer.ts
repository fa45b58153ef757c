import { randomUUID } from "node:crypto";
import type { RequestHandler } from "express";

interface Kept {
  id: string;
  contextId: string;
  text: string;
  looks: number;
}

/** A peer as some in Python are: names in snake case, working for one look, and -32700 where it does not know the shape of the params. */
export function snakeCasePeer(answer: (text: string) => string): RequestHandler {
  const tasks = new Map<string, Kept>();
  const shown = ({ id, contextId, text, looks }: Kept) => ({
    id,
    context_id: contextId,
    kind: "task",
    status: { state: looks > 1 ? "completed" : "working", timestamp: new Date().toISOString() },
    artifacts: looks > 1 ? [{ artifact_id: "a", parts: [{ kind: "text", text: answer(text) }] }] : [],
  });
  return (request, response) => {
    const { id, method, params } = request.body as { id: unknown; method: string; params?: Record<string, unknown> };
    const reply = (result: object) => void response.json({ jsonrpc: "2.0", id, ...result });
    const refuse = (code: number, message: string) => reply({ error: { code, message } });
    if (method === "message/send") {
      const message = params?.["message"] as { contextId?: string; context_id?: string; parts?: { text?: string }[] } | undefined;
      if (message === undefined) return refuse(-32700, "Schema");
      const text = (message.parts ?? []).map((part) => part.text ?? "").join("");
      const kept = { id: randomUUID(), contextId: message.contextId ?? message.context_id ?? randomUUID(), text, looks: 0 };
      tasks.set(kept.id, kept);
      return reply({ result: shown(kept) });
    }
    const kept = tasks.get(String(params?.["task_id"]));
    if (method !== "tasks/get" && method !== "tasks/cancel") return refuse(-32601, "Method not found");
    if (params?.["task_id"] === undefined) return refuse(-32700, "Schema");
    if (kept === undefined) return refuse(-32001, "Task not found");
    kept.looks += 1;
    reply({ result: method === "tasks/get" ? shown(kept) : { ...shown(kept), status: { state: "canceled" } } });
  };
}
