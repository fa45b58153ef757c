import { z } from "zod";
import { body, json, type Operation, ok } from "../operation.ts";
import { refusedBy } from "../refusals.ts";

const text = z.string();
const count = z.int().min(0);
const plain = { envelope: "plain" } as const;
const time = z.iso.datetime().nullable();

const place = { jobId: text, agentId: text, agentName: text, sessionKey: text, conversationId: z.uuid(), turnId: z.uuid() };
const answered = z
  .object({
    success: z.literal(true),
    reply: text,
    status: z
      .enum(["completed", "paused"])
      .meta({ description: "`paused`: the reply is a question to the user, and the next message its answer." }),
    usage: z.object({ input: count, output: count, total: count }),
    ...place,
  })
  .meta({ id: "GatewayChatAnswer" });
const queued = z
  .object({ success: z.literal(true), queued: z.literal(true), status: z.literal("queued"), ...place })
  .meta({ id: "GatewayChatQueued" });

const job = z
  .object({
    id: text,
    userId: text.nullable(),
    agentId: z.uuid(),
    lane: z.literal("runtime_exec"),
    jobType: z.literal("chat"),
    status: z.enum(["queued", "running", "completed", "failed"]),
    priority: z.int(),
    attempts: count,
    maxAttempts: count,
    runAt: time,
    lockedAt: time,
    startedAt: time,
    completedAt: time,
    error: text.nullable(),
    refusedBy: refusedBy.optional(),
    result: z.object({ reply: text, status: text, usage: z.object({ input: count, output: count, estimated: z.boolean() }) }).nullable(),
    payload: z.object({ message: text, conversationId: z.uuid(), turnId: z.uuid() }),
  })
  .meta({ id: "GatewayJob" });

const session = z.object({
  ...{ key: text, agentId: text.nullable(), status: text.nullable(), messageCount: count.nullable() },
  ...{ lastActivity: time, createdAt: time, model: text.nullable() },
});
const schedule = z.looseObject({}).nullable();
const cronJob = z.object({ id: text, name: text, enabled: z.boolean(), schedule, lastRun: time, nextRun: time });
const status = z
  .object({
    health: z.enum(["healthy", "unreachable"]),
    healthDetail: z.object({ ok: z.boolean(), status: text.optional(), error: text.optional() }),
    sessions: z.object({ available: z.boolean(), total: count, active: count, list: z.array(session).max(10), error: text.nullable() }),
    cron: z.object({ available: z.boolean(), total: count, enabled: count, jobs: z.array(cronJob).max(10), error: text.nullable() }),
  })
  .meta({ id: "GatewayStatus" });

const agentId = text
  .optional()
  .meta({ description: "Absent: the caller's oldest agent; one that hands on to a peer only where there is no other." });

export const gatewayChatOperations = {
  "gatewayChat.send": {
    ...plain,
    summary: "Chat with an agent",
    description:
      "Waits for the answer, 30 seconds where nothing else is set; what takes longer is answered 202 with a job, and goes on. `Prefer: respond-async` is answered so at once, `Prefer: wait=<seconds>` after so long. The same call with its `Idempotency-Key` comes back to the same turn.",
    body: body(z.object({ message: text.min(1), sessionKey: text.max(512).optional(), agentId }), {
      message: "Hello",
      sessionKey: "example",
    }),
    successes: [
      { status: 200, description: "The answer, or what the agent asks.", content: json(answered) },
      { status: 202, description: "It goes on: look at `Location`.", content: json(queued) },
    ],
    refusals: [
      "agent_suspended",
      "budget_exhausted",
      "model_unavailable",
      "chat_failed",
      "gateway_token_missing",
      "message_not_waiting",
      "stream_ended",
      "too_many_streams",
      "invalid_answers",
      "card_closed",
      "card_expired",
    ],
  },
  "gatewayChat.job": { ...plain, summary: "What became of a chat", successes: ok(z.object({ job })) },
  "gatewayChat.status": {
    ...plain,
    summary: "How the gateway behind a chat is",
    description:
      "An OpenClaw gateway's, where the agent hands on to one; else this gateway's own. Each part says by itself why it cannot be had.",
    query: z.object({ agentId }),
    successes: ok(status),
  },
} as const satisfies Record<string, Operation>;
