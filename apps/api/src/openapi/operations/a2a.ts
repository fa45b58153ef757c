import { z } from "zod";
import { body, json, type Operation, type Success } from "../operation.ts";

const text = z.string();
const a2a = { envelope: "a2a" } as const;
const part = z.looseObject({ text: text.optional(), raw: text.optional(), url: text.optional(), data: z.unknown().optional() });
const message = z.looseObject({
  messageId: text.min(1).max(255),
  role: text,
  parts: z.array(part).optional(),
  contextId: text.nullish(),
  taskId: text.nullish(),
});
const sending = z.looseObject({ message, configuration: z.looseObject({}).nullish() });
const said = { message: { messageId: "0198a000-0000-7000-8000-00000000000d", role: "ROLE_USER", content: [{ text: "Tell me a joke" }] } };
const version = z.object({ "A2A-Version": z.enum(["1.0", "0.3"]).optional() });
const task = z.looseObject({ id: text, contextId: text, status: z.looseObject({ state: text }) });
const sent = z.union([z.looseObject({ task }), task]);
const event = z.looseObject({});
const push = z.looseObject({ id: text.optional(), url: text.optional(), taskId: text.optional(), name: text.optional() });
const card = z.looseObject({
  name: text,
  description: text,
  version: text,
  skills: z.array(z.looseObject({})),
  supportedInterfaces: z.array(z.looseObject({ url: text })),
});

const SHAPES = "Paths with `/v1` are of version 0.3, the others of 1.0, which must be said in `A2A-Version`: header, or query.";
const answer = (schema: z.ZodType): [Success] => [{ status: 200, description: "Done.", content: json(schema) }];
const streams = [
  { status: 200, description: "Server-sent events: the task, then what changes.", content: { "text/event-stream": { frames: event } } },
] as [Success];
/** What a message may be refused for, besides what every turn may. */
const OF_MESSAGES = ["task_not_open", "media_quota_full", "too_many_uploads", "limit_reached", "secrets_not_configured"] as const;

/** Our agents as A2A servers. The protocol's own documents say what stands in the bodies. */
export const a2aOperations = {
  "a2a.card": {
    ...a2a,
    summary: "An agent's A2A card",
    description: "Of the version in `A2A-Version`; without it one that readers of either understand.",
    query: version,
    successes: [
      { status: 200, description: "The card.", content: json(card) },
      { status: 304, description: "The one that the reader knows." },
    ],
    refusals: ["not_found"],
  },
  "a2a.call": {
    ...a2a,
    summary: "An agent over JSON-RPC",
    description: "Methods of 1.0 with `A2A-Version: 1.0`, of 0.3 without. Errors of methods are answered with 200, as JSON-RPC has them.",
    query: version,
    body: body(z.looseObject({ jsonrpc: z.literal("2.0"), method: text, params: z.looseObject({}).optional() }), {
      jsonrpc: "2.0",
      id: 1,
      method: "tasks/get",
      params: { id: "0198a000-0000-7000-8000-00000000000e" },
    }),
    successes: [
      {
        status: 200,
        description: "The answer; of methods that stream, its events.",
        content: { ...json(z.looseObject({ jsonrpc: z.literal("2.0") })), "text/event-stream": { frames: event } },
      },
    ],
    refusals: ["missing_scope", "too_many_streams"],
  },
  "a2a.send": {
    ...a2a,
    summary: "Send an agent a message",
    description: `Waits for the task's end or its question, for as long as anybody may wait; unless \`returnImmediately\`. ${SHAPES}`,
    query: version,
    body: body(sending, said),
    successes: [
      { status: 201, description: "The task, in version 0.3.", content: json(sent) },
      { status: 200, description: "The task, in version 1.0.", content: json(sent) },
    ],
    refusals: [...OF_MESSAGES, "too_many_streams"],
  },
  "a2a.stream": {
    ...a2a,
    summary: "Send a message and follow its task",
    description: SHAPES,
    query: version,
    body: body(sending, said),
    successes: streams,
    refusals: OF_MESSAGES,
  },
  "a2a.subscribe": {
    ...a2a,
    summary: "Follow a task",
    description: SHAPES,
    query: version,
    successes: streams,
    refusals: ["task_not_open"],
  },
  "a2a.get": {
    ...a2a,
    summary: "Look at a task",
    description: SHAPES,
    query: version.extend({ historyLength: z.int().min(0).optional() }),
    successes: answer(task),
  },
  "a2a.list": {
    ...a2a,
    summary: "List the caller's tasks with an agent",
    description: SHAPES,
    query: version.extend({
      contextId: text.optional(),
      status: text.optional(),
      pageSize: z.int().min(1).max(100).optional(),
      pageToken: text.optional(),
      historyLength: z.int().min(0).optional(),
      statusTimestampAfter: z.iso.datetime().optional(),
      includeArtifacts: z.boolean().optional(),
    }),
    successes: answer(z.looseObject({ tasks: z.array(task), nextPageToken: text })),
  },
  "a2a.cancel": {
    ...a2a,
    summary: "Cancel a task",
    description: SHAPES,
    query: version,
    successes: answer(task),
    refusals: ["task_not_cancelable"],
  },
  "a2a.createPush": {
    ...a2a,
    summary: "Be told of a task",
    description: SHAPES,
    query: version,
    body: body(push.extend({ config: z.looseObject({}).optional(), pushNotificationConfig: z.looseObject({ url: text }).optional() }), {
      pushNotificationConfig: { url: "https://example.com/told" },
    }),
    successes: [{ status: 201, description: "Kept, in place of one of the same id.", content: json(push) }],
    refusals: ["limit_reached", "secrets_not_configured"],
  },
  "a2a.listPushes": {
    ...a2a,
    summary: "Who is told of a task",
    description: SHAPES,
    query: version,
    successes: answer(z.looseObject({ configs: z.array(push) })),
  },
  "a2a.getPush": { ...a2a, summary: "One who is told", description: SHAPES, query: version, successes: answer(push) },
  "a2a.deletePush": {
    ...a2a,
    summary: "Be told no more",
    description: SHAPES,
    query: version,
    successes: [{ status: 204, description: "Nobody is told under this id." }],
  },
  "a2a.extendedCard": {
    ...a2a,
    summary: "An agent's card for those who may use it",
    description: `With its tools and sub-agents. ${SHAPES}`,
    query: version,
    successes: answer(card),
  },
} as const satisfies Record<string, Operation>;
