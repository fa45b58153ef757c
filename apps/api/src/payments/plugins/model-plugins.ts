import { isObject, type Limits } from "@parley/contracts";
import type { DirectCall, DirectResult, Gateway } from "@parley/domain";
import type { OpenStream } from "@parley/router";
import { z } from "zod";
import { bad, checkFields, type Json, type Plugin, type PluginCall, pluginFailed, type Tell, textField, textIn } from "./plugin.ts";
import { readBytes } from "./read-bytes.ts";

interface ModelFacts {
  gateway: Gateway;
  limits: Pick<Limits, "audioBytesMax" | "guestOutputTokensMax">;
  openStream: OpenStream;
  /** What guests are given, and whoever names none. */
  models: { text: string; speech: string; transcription: string };
}

const TEXT_CHARS_MAX = 4_096;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

function modelsFor({ gateway }: ModelFacts, { isGuest, body }: PluginCall, standard: string): string[] {
  const resolved = gateway.resolveModel((isGuest ? undefined : textIn(body, "model")) ?? standard);
  if (resolved.kind === "agent") throw bad("An agent is no model here.");
  return resolved.models;
}

type Order = Pick<DirectCall, "kind" | "models" | "body" | "outputTokensMax" | "saleId">;
const asked = ({ gateway }: ModelFacts, call: PluginCall, order: Order): Promise<DirectResult> =>
  gateway.callModel(call.caller, { ...order, route: "payment.gateway", requestId: call.requestId, signal: call.signal });

const jsonOf = (answer: DirectResult): Json => {
  if (answer.kind !== "json") throw pluginFailed(`an answer of the kind ${answer.kind}`);
  return answer.value;
};

async function bytesOf(answer: DirectResult, bytesMax: number): Promise<{ contentType: string; bytes: Buffer }> {
  if (answer.kind !== "bytes") throw pluginFailed(`an answer of the kind ${answer.kind}`);
  return { contentType: answer.contentType, bytes: await readBytes(answer.bytes, bytesMax) };
}

interface TextAnswer {
  text: string | null;
  model: unknown;
  usage: unknown;
}

/** What the one choice of an answer, or of a chunk of it, says. */
const saidIn = ({ choices }: Json, member: "message" | "delta"): string | null => {
  const [choice] = Array.isArray(choices) ? (choices as Partial<Record<typeof member, { content?: unknown }>>[]) : [];
  const content = choice?.[member]?.content;
  return typeof content === "string" ? content : null;
};

/** Passes on what a model says as it comes, no faster than the client takes it. */
async function toldAnswer(answer: DirectResult, tell: Tell): Promise<TextAnswer> {
  if (answer.kind !== "events") {
    const whole = wholeAnswer(answer);
    if (whole.text !== null) await tell("token", { delta: whole.text, accumulated: whole.text });
    return whole;
  }
  const told: TextAnswer = { text: null, model: answer.model, usage: undefined };
  for await (const events of answer.events) {
    let delta = "";
    for (const { value } of events) {
      const said = saidIn(value, "delta");
      if (said !== null) told.text = (told.text ?? "") + said;
      delta += said ?? "";
      told.model = value["model"] ?? told.model;
      told.usage = value["usage"] ?? told.usage;
    }
    if (delta !== "") await tell("token", { delta, accumulated: told.text });
  }
  return told;
}

function wholeAnswer(answer: DirectResult): TextAnswer {
  const value = jsonOf(answer);
  return { text: saidIn(value, "message"), model: value["model"], usage: value["usage"] };
}

/** What else than text costs to be read, its letters do not say. */
const isText = (message: unknown): boolean => {
  const content = isObject(message) ? message["content"] : null;
  return !Array.isArray(content) || content.every((part) => isObject(part) && part["type"] === "text");
};

const TEXT_FIELDS = z.object({
  ...{ prompt: textField, message: textField, input: textField, text: textField, model: textField },
  messages: z.array(z.unknown(), { error: "must be a list" }).nullish(),
});

const isContent = (value: unknown): boolean =>
  typeof value === "string" || (Array.isArray(value) && value.every((part) => isObject(part) && typeof part["type"] === "string"));

/** What must be right wherever it goes; the rest is the model's to judge. */
const MESSAGE = z.object(
  {
    role: z.string({ error: "must be text" }),
    content: z.custom<unknown>(isContent, { error: "must be text or a list of parts" }).nullish(),
  },
  { error: "must be an object" },
);

/** One message after the other: of a body full of wrong ones, only the first is noted. */
function checkText(body: Json): void {
  checkFields(TEXT_FIELDS, body);
  for (const [index, message] of (messagesIn(body) ?? []).entries()) checkFields(MESSAGE, message, ["messages", index]);
}

const promptIn = (body: Json): string | undefined => textIn(body, "prompt", "message", "input", "text");
const messagesIn = ({ messages }: Json): unknown[] | null => (Array.isArray(messages) && messages.length > 0 ? messages : null);

/** One answer of a model. */
export const textPlugin = (facts: ModelFacts): Plugin => ({
  auth: false,
  streams: true,
  usesModels: true,
  charsToRead(body) {
    const messages = messagesIn(body);
    if (messages?.every(isText) === false) return Number.POSITIVE_INFINITY;
    return JSON.stringify(messages ?? promptIn(body) ?? "").length;
  },
  async prepare(call) {
    const { body } = call;
    checkText(body);
    const prompt = promptIn(body);
    const messages = messagesIn(body);
    if (prompt === undefined && messages === null) throw bad("A prompt is needed.");
    const models = modelsFor(facts, call, facts.models.text);
    const bound = call.isGuest ? { outputTokensMax: facts.limits.guestOutputTokensMax } : {};
    const said = { model: models[0] ?? "", messages: messages ?? [{ role: "user", content: prompt }] };
    return async (tell, saleId) => {
      const ask = (body: Json) => asked(facts, call, { kind: "chat", models, body, saleId, ...bound });
      if (tell === null) return wholeAnswer(await ask({ ...said, stream: false }));
      const close = facts.openStream(call.caller);
      try {
        return await toldAnswer(await ask({ ...said, stream: true, stream_options: { include_usage: true } }), tell);
      } finally {
        close();
      }
    };
  },
});

const SPEECH_FIELDS = z.object({ text: textField, input: textField, message: textField, voice: textField, model: textField });

const textToSpeak = (body: Json): string | undefined => textIn(body, "text", "input", "message");

/** Speech of a text, in base64. */
export const speechPlugin = (facts: ModelFacts): Plugin => ({
  auth: false,
  streams: false,
  usesModels: true,
  charsToRead: (body) => textToSpeak(body)?.length ?? 0,
  async prepare(call) {
    const { body } = call;
    checkFields(SPEECH_FIELDS, body);
    const input = textToSpeak(body);
    if (input === undefined) throw bad("A text is needed.");
    if (input.length > TEXT_CHARS_MAX) throw bad(`At most ${TEXT_CHARS_MAX} characters.`);
    const models = modelsFor(facts, call, facts.models.speech);
    const voice = textIn(body, "voice") ?? "alloy";
    return async (_tell, saleId) => {
      const order = { kind: "speech", models, saleId, body: { model: models[0] ?? "", input, voice, response_format: "wav" } } as const;
      const { contentType, bytes } = await bytesOf(await asked(facts, call, order), facts.limits.audioBytesMax);
      return { contentType, audio: bytes.toString("base64") };
    };
  },
});

const SOUND_FIELDS = z.object({ audio: textField, input: textField, model: textField });

const soundIn = (body: Json): string | undefined => textIn(body, "audio", "input");

/** The text of what is said in a sound, which comes in base64. */
export const transcriptionPlugin = (facts: ModelFacts): Plugin => ({
  auth: false,
  streams: false,
  usesModels: true,
  bytesToHear: (body) => Buffer.byteLength(soundIn(body) ?? "", "base64"),
  async prepare(call) {
    checkFields(SOUND_FIELDS, call.body);
    const audio = soundIn(call.body);
    if (audio === undefined || !BASE64.test(audio)) throw bad("A sound is needed, in base64.");
    const models = modelsFor(facts, call, facts.models.transcription);
    return async (_tell, saleId) => {
      const form = new FormData();
      form.append("model", models[0] ?? "");
      form.append("file", new File([Buffer.from(audio, "base64")], "sound.wav"));
      return { text: jsonOf(await asked(facts, call, { kind: "transcriptions", models, saleId, body: form }))["text"] };
    };
  },
});
