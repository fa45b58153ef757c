import { at, createRestClient } from "@parley/testkit";
import type { Crowd } from "./crowd.ts";
import type { Reading } from "./follow-along.ts";
import type { Stage } from "./open-stage.ts";
import { readFrames } from "./read-frames.ts";

/**
 * Says one thing in a conversation of its own over REST and reads the stream to its end. After a cut it makes the same call again, with the same
 * key and `Last-Event-ID`: that goes on with what the first one has begun.
 */
export async function invokeOverRest({ balancer, slot, sql }: Stage, crowd: Crowd, said: { name: string; steps: string }): Promise<void> {
  const key = `${crowd.marker}${said.name}`;
  const text = `${key} ${said.steps}`;
  const rest = createRestClient(balancer.url, slot.apiKey);
  const path = `/v1/agents/${slot.agents.router}/gateway/invoke/stream`;
  const told: Pick<Reading, "frames" | "heardAtMs"> = { frames: [], heardAtMs: [] };
  await readFrames(told, {
    open: (headers) => rest.stream(path, { body: { input: { text } }, headers: { "idempotency-key": key, ...headers } }),
    isOver: () => told.frames.at(-1)?.type === "turn_finished",
  });

  const conversationId = told.frames[0]?.taskId ?? "";
  const turnId = String(at(told.frames.find(({ type }) => type === "turn_started")?.data, "turn_id"));
  // This door does not name messages.
  const [message] = await sql<{ id: string }[]>`select id from messages where turn_id = ${turnId}`;
  crowd.ledger.accepted.push({ conversationId, messageId: message?.id ?? "none", turnId, text, mode: "auto" });
  const cursor = (): string | null => told.frames.at(-1)?.id ?? null;
  crowd.readings.push({ ...told, conversationId, door: "rest", events: [], cursor, begunAnew: 0, failure: null, close: async () => {} });
}
