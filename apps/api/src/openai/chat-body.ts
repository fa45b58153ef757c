import { isObject } from "@parley/contracts";
import { type Call, type Door, type Json, missing, readBody, wrong } from "./call.ts";

/** A chat request: what must be right wherever it goes. The rest is the model's to judge. */
export type ChatBody = Json & { model: string; messages: Json[]; stream: boolean };

/** Throws `bad_request` with the parameter that is wrong. */
export async function readChat(door: Door, call: Call): Promise<ChatBody> {
  const body = await readBody(door, call);
  const { messages, stream, stream_options: options } = body;
  if (messages === undefined || messages === null) throw missing("messages");
  if (!Array.isArray(messages) || messages.length === 0) throw wrong("messages", "At least one message is needed.");
  for (const [index, message] of messages.entries()) {
    if (!isObject(message)) throw wrong(["messages", index], "A message is an object.");
    if (typeof message.role !== "string") throw wrong(["messages", index, "role"], "A message has a role.", "missing_required_parameter");
  }
  if (stream !== undefined && stream !== null && typeof stream !== "boolean") throw wrong("stream", "Must be true or false.");
  if (isObject(options) && stream !== true)
    throw wrong("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
  return { ...body, messages: messages as Json[], stream: stream === true };
}
