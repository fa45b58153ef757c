import { PEER_STATES } from "@parley/contracts";
import { z } from "zod";
import { planRequest } from "../../plan/plan-request.ts";
import { body, type Operation, streamed } from "../operation.ts";
import { refusedRow } from "../rows/execution.ts";

const text = z.string();
const uuid = z.uuid();
const count = z.int().min(0);
const session = { session_id: uuid };

const signatures = z.object({ ok: z.boolean(), signed: count, verified: count, unsigned: count }).nullable();
const task = { task_id: text, agent: text, agent_did: text.nullable(), agent_did_source: z.enum(["pinned", "observed"]).nullable() };
const usage = z.object({ inputTokens: count, outputTokens: count, totalTokens: count, cachedInputTokens: count });

const frames = z.union([
  z.object({ ...session, external_session_id: text.nullable(), created: z.boolean() }).meta({ title: "session" }),
  z
    .object({ ...session, summary: text, tokens_before: count, tokens_after: count, messages_compacted: count })
    .meta({ title: "compaction-summary" }),
  z.object({ plan_id: uuid, ...session }).meta({ title: "plan" }),
  z.object({ ...session, part_id: uuid, delta: text }).meta({ title: "text.delta" }),
  z.object({ ...task, skill: text, input: z.unknown() }).meta({ title: "task.started" }),
  z.object({ ...task, content: text.optional(), title: text, signatures: signatures.optional() }).meta({ title: "task.artifact" }),
  z
    .object({ ...task, state: z.enum(PEER_STATES), error: text.optional(), signatures: signatures.optional() })
    .meta({ title: "task.finished" }),
  z
    .object({ ...session, stop_reason: z.enum(["stop", "length", "tool-calls", "content-filter", "error", "input-required"]), usage })
    .meta({ title: "final" }),
  z
    .object({ ...session, code: text, message: text, retryable: z.boolean(), refused_by: refusedRow.optional(), last_event_id: text })
    .meta({ title: "error" }),
  z.object({}).meta({ title: "done" }),
]);

export const planOperations = {
  "plan.run": {
    envelope: "plan",
    summary: "Plan over the agents that the request brings",
    description:
      "Named events in this order: `session`, `compaction-summary`, `plan`, `text.delta` and `task.*`, `final`, `error`, `done`. With `Last-Event-ID` the stream goes on behind that frame, and nothing is begun.",
    body: body(planRequest, { question: "Tell me a joke", session_id: "example" }),
    successes: streamed(frames),
    refusals: ["invalid_cursor"],
  },
} as const satisfies Record<string, Operation>;
