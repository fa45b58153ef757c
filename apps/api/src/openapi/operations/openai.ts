import { z } from "zod";
import { body, type Operation, ok } from "../operation.ts";

const openai = { envelope: "openai" } as const;
const text = z.string();
const model = text.min(1).meta({ description: "An upstream model, an alias, or `agent/<id>`." });
const usage = z.looseObject({ prompt_tokens: z.int(), total_tokens: z.int() });

const chat = z
  .looseObject({
    model,
    messages: z.array(z.looseObject({ role: text })).min(1),
    stream: z.boolean().nullish(),
    stream_options: z.looseObject({}).nullish(),
  })
  .meta({ description: "What is not listed here is passed on to the model." });
const completion = z.looseObject({
  id: text,
  object: z.literal("chat.completion"),
  created: z.int(),
  model: text,
  choices: z.array(z.looseObject({ index: z.int(), finish_reason: text.nullable(), message: z.looseObject({ role: text }) })),
});
const chunk = z.looseObject({ object: text, choices: z.array(z.looseObject({})) });

const embeddings = z.looseObject({
  model,
  input: z.union([text.min(1), z.array(text.min(1)).min(1), z.array(z.int()).min(1), z.array(z.array(z.int()).min(1)).min(1)]),
  encoding_format: z.enum(["float", "base64"]).nullish(),
  dimensions: z.int().min(1).nullish(),
});
const vectors = z.looseObject({
  object: z.literal("list"),
  data: z.array(z.looseObject({ index: z.int(), embedding: z.union([z.array(z.number()), text]) })),
  model: text,
  usage,
});

const speech = z.looseObject({
  model,
  input: text.min(1),
  voice: z.union([text, z.looseObject({ id: text })]),
  response_format: text.nullish(),
});
const transcription = z.looseObject({ model, file: text.meta({ format: "binary" }) });
const modelRow = z.object({ id: text, object: z.literal("model"), created: z.int(), owned_by: text });

/** The routes that OpenAI's clients speak. */
export const openaiOperations = {
  "openai.chat": {
    ...openai,
    summary: "Ask a model or an agent",
    body: body(chat, { model: "local/chat", messages: [{ role: "user", content: "Tell me a joke" }] }),
    successes: [
      {
        status: 200,
        description: "The answer; with `stream` in pieces.",
        content: { "application/json": { schema: completion }, "text/event-stream": { frames: chunk } },
      },
    ],
  },
  "openai.embeddings": {
    ...openai,
    summary: "Make vectors of texts",
    body: body(embeddings, { model: "local/embed", input: "Tell me a joke" }),
    successes: ok(vectors),
  },
  "openai.speech": {
    ...openai,
    summary: "Speak a text",
    body: body(speech, { model: "local/tts", input: "Hello", voice: "any", response_format: "wav" }),
    successes: [{ status: 200, description: "The sound.", content: { "audio/*": {} } }],
  },
  "openai.transcriptions": {
    ...openai,
    summary: "Write down what is said",
    body: {
      isRequired: true,
      content: { "multipart/form-data": { schema: transcription, example: { model: "local/stt", file: "bytes" } } },
    },
    successes: [
      {
        status: 200,
        description: "The text, in the format that was asked for.",
        content: {
          "application/json": { schema: z.looseObject({ text }) },
          "text/plain": { schema: text },
          "text/event-stream": { frames: z.looseObject({}) },
        },
      },
    ],
  },
} as const satisfies Record<string, Operation>;

/** The list, and one of them, are one row of the registry. */
export const modelOperations = {
  "/v1/models": {
    ...openai,
    summary: "List models and agents",
    successes: ok(z.object({ object: z.literal("list"), data: z.array(modelRow) })),
  },
  "/v1/models/*id": { ...openai, summary: "Look up a model", successes: ok(modelRow), refusals: ["model_not_found"] },
} as const satisfies Record<string, Operation>;
