import { GatewayError } from "@parley/contracts";
import type { DirectAnswer, DirectRequest, DirectRoute } from "@parley/domain";
import { localChatAnswer } from "./local-chat-answer.ts";
import { localEmbeddings } from "./local-embeddings.ts";
import { localSpeech } from "./local-speech.ts";
import { localTranscription } from "./local-transcription.ts";

type LocalCall = (request: DirectRequest) => DirectAnswer | Promise<DirectAnswer>;

/** Each built-in model, and the route that it serves. */
const LOCAL: Record<string, { route: DirectRoute; call: LocalCall }> = {
  "local/chat": { route: "chat", call: localChatAnswer },
  "local/embed": { route: "embeddings", call: localEmbeddings },
  "local/tts": { route: "speech", call: localSpeech },
  "local/stt": { route: "transcriptions", call: localTranscription },
};

export const LOCAL_MODELS: string[] = Object.keys(LOCAL);

export const isLocal = (model: string): boolean => Object.hasOwn(LOCAL, model);

/** A built-in model's answer, in OpenAI's shape. Throws `model_refused` for what it cannot do. */
export function callLocal(request: DirectRequest): DirectAnswer | Promise<DirectAnswer> {
  const model = LOCAL[request.model];
  if (model?.route === request.route) return model.call(request);
  throw new GatewayError("model_refused", {
    text: `${request.model} does not serve this route.`,
    issues: [{ path: ["model"], code: "unsupported_value", message: `${request.model} does not serve this route.` }],
  });
}
