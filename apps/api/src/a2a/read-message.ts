import { type A2aMessage, type A2aPart, GatewayError, type Limits, type QuestionAnswer, questionAnswer } from "@parley/contracts";
import type { Caller, Gateway } from "@parley/domain";
import { A2aError, INPUT_MODES, type SendParams } from "@parley/peers";
import { z } from "zod";

export interface ReadMessage {
  text: string;
  files: string[];
  answers: QuestionAnswer[] | null;
  /** As it is kept: with addresses of files instead of their bytes. */
  message: A2aMessage;
}

interface Reading {
  gateway: Pick<Gateway, "uploadMedia">;
  limits: Limits;
  publicUrl: string | null;
  caller: Caller;
}

type Sent = SendParams["message"];

const answersPart = z.object({ answers: z.array(questionAnswer).min(1).max(10) });
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;
const ADDRESS = /^(?:https?:\/\/|media:)/i;

/** Refuses parts of types that no model is shown. */
function checkTypes(parts: A2aPart[]): void {
  for (const { mediaType } of parts) {
    const bare = mediaType?.split(";")[0]?.trim().toLowerCase();
    if (bare !== undefined && !INPUT_MODES.includes(bare)) throw new A2aError("contentType", `Parts of the type ${bare} are not taken.`);
  }
}

/** Keeps the bytes of a part as a file; sent again, they are the same file. */
async function keepBytes({ gateway, publicUrl, caller }: Reading, { raw = "", ...part }: A2aPart, key: string): Promise<A2aPart> {
  if (!BASE64.test(raw)) throw new A2aError("invalidParams", "raw: Not base64.");
  const bytes = Buffer.from(raw, "base64");
  const upload = { fileName: part.filename ?? null, contentType: part.mediaType ?? null, size: bytes.length, ttlSeconds: null };
  const kept = await gateway.uploadMedia(caller, { ...upload, bytes: once(bytes) }, { route: "a2a.file", key });
  return { ...part, url: publicUrl === null ? `media:${kept.id}` : `${publicUrl}/media/${kept.id}` };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const wordsOf = ({ text, data }: A2aPart): string => text ?? (data === undefined ? "" : JSON.stringify(data));

function answersIn(parts: A2aPart[]): QuestionAnswer[] | null {
  for (const { data } of parts) {
    const read = answersPart.safeParse(data);
    if (read.success) return read.data.answers;
  }
  return null;
}

/** What a client's message says, and as what it is kept. Its files are kept first. */
export async function readMessage(reading: Reading, agentId: string, sent: Sent): Promise<ReadMessage> {
  const { messageId, parts, referenceTaskIds, extensions, metadata } = sent;
  checkTypes(parts);
  for (const { url } of parts) {
    if (url !== undefined && (!ADDRESS.test(url) || !URL.canParse(url))) throw new A2aError("invalidParams", "url: Not an address.");
  }
  const kept: A2aPart[] = [];
  for (const [index, part] of parts.entries()) {
    kept.push(part.raw === undefined ? part : await keepBytes(reading, part, `${agentId} ${index} ${messageId}`));
  }
  const text = kept
    .map(wordsOf)
    .filter((words) => words !== "")
    .join("\n\n");
  const files = kept.flatMap(({ url }) => (url === undefined ? [] : [url]));
  if (text === "" && files.length === 0) throw new A2aError("invalidParams", "message.parts: The message says nothing.");
  const message: A2aMessage = {
    messageId,
    parts: kept,
    ...(referenceTaskIds && { referenceTaskIds }),
    ...(extensions && { extensions }),
    ...(metadata && { metadata }),
  };
  // What is said stands in it as JSON, which may be twice as long.
  if (JSON.stringify(message).length > 2 * reading.limits.messageCharsMax) throw new GatewayError("message_too_large");
  if (files.length > reading.limits.filesPerMessageMax) {
    throw new A2aError("invalidParams", `message.parts: At most ${reading.limits.filesPerMessageMax} files.`);
  }
  return { text, files, answers: answersIn(kept), message };
}
