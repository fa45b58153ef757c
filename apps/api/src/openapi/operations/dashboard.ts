import { z } from "zod";
import { body, json, type Operation, ok, streamed } from "../operation.ts";
import { refusedBy } from "../refusals.ts";

const text = z.string();
const ms = z.number();
const count = z.int().min(0);
const uuid = z.uuid();
const plain = { envelope: "plain" } as const;
const limit = z.coerce.number().optional();

const memoryHit = z.looseObject({
  id: uuid,
  content: text,
  memoryType: text,
  trustLevel: z.enum(["learned", "external"]),
  score: z.number(),
  createdAt: ms,
});
const memoryStats = z.looseObject({
  totalEntries: count,
  byType: z.record(text, count),
  byTrustLevel: z.record(text, count),
  byAgent: z.record(text, count),
  totalSessions: count,
  embeddedEntries: count,
  dbSizeBytes: count,
  oldestCreatedAt: ms.nullable(),
});
const said = z.object({ role: z.enum(["user", "assistant"]), content: text, timestamp: ms });
const entry = z.object({ id: count, event: text, payload: z.looseObject({}), timestamp: ms });
const agent = z.object({ id: uuid, name: text, provider: text, model: text, status: text });
const channel = z.object({ type: text, name: text, enabled: z.boolean(), status: text });

const chatBody = body(z.object({ message: text.min(1), agentId: text.optional(), sessionKey: text.optional() }), {
  message: "Hello",
  sessionKey: "example",
});
const chatQuery = z.object({
  message: text
    .min(1)
    .optional()
    .meta({ examples: ["Hello"] }),
  agentId: text.optional(),
  sessionKey: text.optional(),
});
const tokens = z.object({ input: count, output: count, total: count });
const answer = z.looseObject({
  ...{ response: text, tokensUsed: tokens, finishReason: text, sessionKey: text.optional() },
  error: text.optional().meta({ description: "Why the turn failed behind what it has said." }),
  refusedBy: refusedBy.optional(),
});
const chatFrame = z.union([
  z.object({ delta: text, accumulated: text }),
  z.object({ conversationId: uuid, messageId: uuid, turnId: uuid, sessionKey: text }),
  answer,
  z.looseObject({ error: text, refusedBy: refusedBy.optional() }),
]);

const stream = {
  ...plain,
  description: "Events `accepted`, `token`, and `done` or `error`. With `Last-Event-ID` it goes on behind that, and begins nothing.",
  successes: streamed(chatFrame),
  refusals: ["invalid_cursor"],
} as const satisfies Partial<Operation>;

export const dashboardOperations = {
  "activity.follow": {
    ...plain,
    summary: "Follow what happens",
    description: "Each event under its number; `Last-Event-ID` goes on behind one. The first frame is `retry`.",
    successes: streamed(z.looseObject({ timestamp: ms.optional() })),
  },
  "dashboard.health": {
    ...plain,
    summary: "Whether the process lives",
    successes: [
      {
        status: 200,
        description: "It does.",
        content: json(z.object({ status: z.literal("ok"), timestamp: z.iso.datetime(), instanceId: uuid, startedAt: z.iso.datetime() })),
      },
    ],
  },
  "dashboard.agents": { ...plain, summary: "Agents, in short", successes: ok(z.object({ agents: z.array(agent) })) },
  "dashboard.channels": { ...plain, summary: "Channels", successes: ok(z.object({ channels: z.array(channel) })) },
  "dashboard.activity": {
    ...plain,
    summary: "The latest activity",
    query: z.object({ limit }),
    successes: ok(z.object({ entries: z.array(entry), count })),
  },
  "dashboard.searchMemory": {
    ...plain,
    summary: "Search memories",
    query: z.object({ q: text.optional().meta({ examples: ["tea"] }), limit }),
    successes: ok(z.object({ results: z.array(memoryHit) })),
  },
  "dashboard.memoryStats": { ...plain, summary: "How much is remembered", successes: ok(z.object({ stats: memoryStats })) },
  "dashboard.history": {
    ...plain,
    summary: "What was said in a chat",
    query: z.object({ channelId: text.optional(), sessionKey: text.optional(), agentId: text.optional(), limit }),
    successes: ok(z.object({ messages: z.array(said), conversationId: uuid.nullable() })),
  },
  "dashboard.chat": {
    ...plain,
    summary: "Say something and wait for the answer",
    body: chatBody,
    description: "A turn that failed before it had said anything is a refusal, with the members of an answer beside it.",
    successes: ok(answer, "The answer, or what a slash command says."),
    refusals: ["budget_exhausted", "model_unavailable", "chat_failed", "gateway_token_missing"],
  },
  "dashboard.chatStream": { ...stream, summary: "Say something and read the answer as it is said", body: chatBody },
  "dashboard.chatStreamByQuery": { ...stream, summary: "The same for clients that can send nothing but an address", query: chatQuery },
} as const satisfies Record<string, Operation>;
