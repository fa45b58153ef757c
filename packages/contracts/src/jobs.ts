import { z } from "zod";
import { conversationId, organizationId, responseId } from "./ids.ts";

/** Organizations that are charged in one transaction: each one more costs less than the one before, and all of them wait for its end. */
export const POSTED_TOGETHER_MAX = 8;

const conversation = z.object({ organizationId, conversationId });
const response = z.object({ organizationId, responseId });
const posting = z.object({ organizationIds: z.array(organizationId).min(1).max(POSTED_TOGETHER_MAX) });
const payment = z.object({
  organizationId,
  kind: z.enum(["purchase", "challenge", "refund", "channel", "session"]),
  id: z.string().min(1).max(200),
});

/**
 * Every order that travels through a queue. Payloads hold ids, never state: a job is a nudge, the row is the truth. Of
 * `shared` ones an organization has no more than its share in BullMQ at a time; the others wait in its line.
 */
export const JOBS = {
  "turn.run": { queue: "turns", payload: conversation, attempts: 3, backoffMs: 250, shared: true },
  "subtask.run": { queue: "subtasks", payload: conversation, attempts: 3, backoffMs: 250, shared: true },
  "conversation.drain": { queue: "drains", payload: conversation, attempts: 3, backoffMs: 250, shared: false },
  "conversation.compact": { queue: "compaction", payload: conversation, attempts: 3, backoffMs: 250, shared: false },
  "response.run": { queue: "responses", payload: response, attempts: 3, backoffMs: 250, shared: false },
  "billing.post": { queue: "billing", payload: posting, attempts: 3, backoffMs: 250, shared: false },
  "payment.settle": { queue: "billing", payload: payment, attempts: 3, backoffMs: 250, shared: false },
  "card.recover": { queue: "billing", payload: z.object({}), attempts: 3, backoffMs: 250, shared: false },
  "turn.reap": { queue: "reaper", payload: conversation, attempts: 3, backoffMs: 250, shared: false },
  "hook.run": { queue: "webhooks", payload: z.object({ organizationId, id: z.guid() }), attempts: 3, backoffMs: 250, shared: false },
} as const;

export type JobName = keyof typeof JOBS;
export type SharedJobName = { [Name in JobName]: (typeof JOBS)[Name]["shared"] extends true ? Name : never }[JobName];
export type JobPayload<Name extends JobName> = z.infer<(typeof JOBS)[Name]["payload"]>;
export type QueueName = (typeof JOBS)[JobName]["queue"];

export const QUEUES = [...new Set(Object.values(JOBS).map((job) => job.queue))] as QueueName[];
