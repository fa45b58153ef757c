import { z } from "zod";
import type { Content, Operation, Success } from "../operation.ts";
import { body, json } from "../operation.ts";

const text = z.string();
const a2a = { envelope: "a2a" } as const;
const EXAMPLE_TASK = "0198a000-0000-7000-8000-00000000000e";
const PUSH_TO = "https://example.com/told";

const part = z.looseObject({ text: text.optional(), raw: text.optional(), url: text.optional(), data: z.unknown().optional() });
const message = z.looseObject({
  messageId: text.min(1).max(255),
  role: text,
  parts: z.array(part).optional(),
  contextId: text.nullish(),
  taskId: text.nullish(),
});
const sending = z.looseObject({ message, configuration: z.looseObject({}).nullish() });
const task = z.looseObject({ id: text, contextId: text, status: z.looseObject({ state: text }) });
const event = z.looseObject({});
const push = z.looseObject({ id: text.optional(), url: text.optional(), taskId: text.optional(), name: text.optional() });
const card = z.looseObject({
  name: text,
  description: text,
  version: text,
  skills: z.array(z.looseObject({})),
  supportedInterfaces: z.array(z.looseObject({ url: text })),
});

/** What differs between the versions. */
interface Version {
  about: string;
  query: z.ZodObject;
  said: object;
  pushed: object;
  /** Of what it answers. */
  content(schema: z.ZodType): Record<string, Content>;
  /** Of a message that was sent. */
  sentStatus: number;
}

const anyVersion = z.object({ "A2A-Version": z.enum(["1.0", "0.3"]).optional() });
const CURRENT: Version = {
  about: "Version 1.0, which must be said in `A2A-Version`: header, or query.",
  query: z.object({
    "A2A-Version": z
      .enum(["1.0"])
      .optional()
      .meta({ examples: ["1.0"] }),
  }),
  said: { message: { messageId: "hello", role: "ROLE_USER", parts: [{ text: "Tell me a joke" }] } },
  pushed: { url: PUSH_TO },
  content: (schema) => ({ "application/a2a+json": { schema } }),
  sentStatus: 200,
};
const LEGACY: Version = {
  about: "Version 0.3.",
  query: z.object({ "A2A-Version": z.enum(["0.3"]).optional() }),
  said: { message: { messageId: "hello", role: "ROLE_USER", content: [{ text: "Tell me a joke" }] } },
  pushed: { pushNotificationConfig: { url: PUSH_TO } },
  content: (schema) => json(schema),
  sentStatus: 201,
};

/** What may come with an operation that has no body of its own is read all the same. */
const OF_BODIES = ["body_too_large", "unsupported_media_type"] as const;

/** What a message may be refused for, besides what every turn may. */
const OF_MESSAGES = ["task_not_open", "media_quota_full", "too_many_uploads", "limit_reached", "secrets_not_configured"] as const;

const streams = (description: string): [Success] => [{ status: 200, description, content: { "text/event-stream": { frames: event } } }];

const PUSH_BODY = push.extend({
  config: z.looseObject({}).optional(),
  pushNotificationConfig: z.looseObject({ url: text }).optional(),
});

function operationsOf({ about, query, said, pushed, content, sentStatus }: Version) {
  const answer = (schema: z.ZodType): [Success] => [{ status: 200, description: "Done.", content: content(schema) }];
  const shared = { ...a2a, description: about, query } as const;
  return {
    "a2a.send": {
      ...shared,
      summary: "Send an agent a message",
      description: `Waits for the task's end or its question, for as long as anybody may wait, unless it is told not to. ${about}`,
      body: body(sending, said),
      successes: [{ status: sentStatus, description: "The task.", content: content(z.looseObject({ task })) }],
      refusals: [...OF_MESSAGES, "too_many_streams"],
    },
    "a2a.stream": {
      ...shared,
      summary: "Send a message and follow its task",
      body: body(sending, said),
      successes: streams("Server-sent events: the task, then what changes."),
      refusals: OF_MESSAGES,
    },
    "a2a.subscribe": {
      ...shared,
      summary: "Follow a task",
      successes: streams("Server-sent events: the task as it stands, then what changes."),
      refusals: ["task_not_open", ...OF_BODIES],
    },
    "a2a.get": {
      ...shared,
      summary: "Look at a task",
      query: query.extend({ historyLength: z.int().min(0).optional() }),
      successes: answer(task),
    },
    "a2a.list": {
      ...shared,
      summary: "List the caller's tasks with an agent",
      query: query.extend({
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
    "a2a.cancel": { ...shared, summary: "Cancel a task", successes: answer(task), refusals: ["task_not_cancelable", ...OF_BODIES] },
    "a2a.createPush": {
      ...shared,
      summary: "Be told of a task",
      body: body(PUSH_BODY, pushed),
      successes: [{ status: 201, description: "Kept, in place of one of the same id.", content: content(push) }],
      refusals: ["limit_reached", "secrets_not_configured"],
    },
    "a2a.listPushes": { ...shared, summary: "Who is told of a task", successes: answer(z.looseObject({ configs: z.array(push) })) },
    "a2a.getPush": { ...shared, summary: "One who is told", successes: answer(push) },
    "a2a.deletePush": {
      ...shared,
      summary: "Be told no more",
      successes: [{ status: 204, description: "Nobody is told under this id." }],
      refusals: OF_BODIES,
    },
    "a2a.extendedCard": {
      ...shared,
      summary: "An agent's card for those who may use it",
      description: `With its tools and sub-agents. ${about}`,
      successes: answer(card),
    },
  } as const satisfies Record<string, Operation>;
}

const current = operationsOf(CURRENT);
const legacy = operationsOf(LEGACY);

const both = {
  "a2a.card": {
    ...a2a,
    summary: "An agent's A2A card",
    description: "Of the version in `A2A-Version`; without it one that readers of either understand.",
    query: anyVersion,
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
    query: anyVersion,
    body: body(z.looseObject({ jsonrpc: z.literal("2.0"), method: text, params: z.looseObject({}).optional() }), {
      jsonrpc: "2.0",
      id: 1,
      method: "tasks/get",
      params: { id: EXAMPLE_TASK },
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
} as const satisfies Record<string, Operation>;

export type A2aOperationName = keyof typeof current | keyof typeof both;

export const isOfA2a = (name: string): name is A2aOperationName => name in current || name in both;

/** Our agents as A2A servers, in the version of the path. The protocol's own documents say what stands in the bodies. */
export function a2aOperation(name: A2aOperationName, path: string): Operation {
  if (name === "a2a.card" || name === "a2a.call") return both[name];
  return /:agentId\/(?:v1|agent)\//.test(path) ? legacy[name] : current[name];
}
