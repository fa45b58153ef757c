import { z } from "zod";
import { body, json, type Operation, ok } from "../operation.ts";

const openai = { envelope: "openai" } as const;
const text = z.string();
const model = text.min(1).meta({ description: "An upstream model, an alias, or `agent/<id>`." });
const item = z.looseObject({ type: text.optional(), id: text.optional() });
const metadata = z.record(text, text);
const usage = z.looseObject({ input_tokens: z.int(), output_tokens: z.int(), total_tokens: z.int() });

const input = z.union([text, z.array(item)]);
const creation = z
  .looseObject({
    model,
    input: input.nullish(),
    instructions: text.nullish(),
    previous_response_id: text.nullish(),
    conversation: z.union([text, z.looseObject({ id: text })]).nullish(),
    stream: z.boolean().nullish(),
    background: z.boolean().nullish(),
    store: z.boolean().nullish(),
    metadata: metadata.nullish(),
  })
  .meta({ description: "As OpenAI has it; what is not known is ignored." });
const response = z.looseObject({
  id: text,
  object: z.literal("response"),
  created_at: z.int(),
  status: z.enum(["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]),
  model: text,
  output: z.array(item),
  usage: usage.nullable(),
});
const event = z.looseObject({ type: text, sequence_number: z.int() });
const compaction = z.looseObject({ id: text, object: z.literal("response.compaction"), created_at: z.int(), output: z.array(item), usage });
const page = z.object({
  object: z.literal("list"),
  data: z.array(item),
  first_id: text.nullable(),
  last_id: text.nullable(),
  has_more: z.boolean(),
});
const conversation = z.object({ id: text, object: z.literal("conversation"), created_at: z.int(), metadata });
const deleted = z.object({ id: text, object: text, deleted: z.literal(true) });
const paging = z.object({
  limit: z.int().min(1).max(100).optional(),
  order: z.enum(["asc", "desc"]).optional(),
  after: text.optional(),
});

/** Whole, or as the events that make it. */
const asked = [
  {
    status: 200,
    description: "The response; with `stream` as its events.",
    content: { ...json(response), "text/event-stream": { frames: event } },
  },
] as const satisfies Operation["successes"];

const said = { model: "local/chat", input: "Tell me a joke" };
const items = { items: [{ type: "message", role: "user", content: "Tell me a joke" }] };

/** Responses and conversations of items, which OpenAI's clients speak, too. */
export const responsesOperations = {
  "responses.create": { ...openai, summary: "Make a response", body: body(creation, said), successes: [...asked] },
  "responses.compact": {
    ...openai,
    summary: "Make few items of many",
    body: body(z.looseObject({ model, input: input.nullish() }), said),
    successes: ok(compaction),
    refusals: ["secrets_not_configured"],
  },
  "responses.countInput": {
    ...openai,
    summary: "Estimate what a model would have to read",
    body: body(creation, said),
    successes: ok(z.object({ object: z.literal("response.input_tokens"), input_tokens: z.int() })),
  },
  "responses.get": {
    ...openai,
    summary: "Look at a stored response, or follow it",
    query: z.object({ stream: z.enum(["true", "false"]).optional(), starting_after: z.int().min(0).optional() }),
    successes: [...asked],
  },
  "responses.inputItems": { ...openai, summary: "List what a response was given", query: paging, successes: ok(page) },
  "responses.cancel": { ...openai, summary: "End a background response", successes: ok(response) },
  "responses.delete": { ...openai, summary: "Delete a response", successes: ok(deleted) },
  "responses.makeConversation": {
    ...openai,
    summary: "Begin a conversation of items",
    body: body(z.looseObject({ items: z.array(item).nullish(), metadata: metadata.nullish() }), items),
    successes: ok(conversation),
  },
  "responses.getConversation": { ...openai, summary: "Look at a conversation of items", successes: ok(conversation) },
  "responses.updateConversation": {
    ...openai,
    summary: "Change its metadata",
    body: body(z.looseObject({ metadata }), { metadata: { about: "jokes" } }),
    successes: ok(conversation),
  },
  "responses.deleteConversation": { ...openai, summary: "Delete a conversation of items", successes: ok(deleted) },
  "responses.addItems": {
    ...openai,
    summary: "Add items to a conversation",
    body: body(z.looseObject({ items: z.array(item).max(20) }), items),
    successes: ok(page),
  },
  "responses.listItems": { ...openai, summary: "List the items of a conversation", query: paging, successes: ok(page) },
  "responses.getItem": { ...openai, summary: "Look at one item", successes: ok(item) },
  "responses.deleteItem": { ...openai, summary: "Take an item out of a conversation", successes: ok(conversation) },
} as const satisfies Record<string, Operation>;
