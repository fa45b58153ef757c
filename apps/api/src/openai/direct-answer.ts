import type { DirectCall, DirectResult } from "@parley/domain";
import type { Response } from "express";
import { onGone } from "../on-gone.ts";
import { toGatewayError } from "../to-gateway-error.ts";
import { type Call, type Door, leavingOf, requestIdOf } from "./call.ts";
import { EventStream } from "./event-stream.ts";
import { type AnswerCopy, answerOnce } from "./kept-answer.ts";

/** What is asked of the models; `input` tells it from another call under the same key. */
export type DirectRequest = Pick<DirectCall, "kind" | "models" | "user" | "body"> & { input: unknown };

const JSON_TYPE = "application/json; charset=utf-8";

async function sendWhole(response: Response, text: string, copy: AnswerCopy | null): Promise<void> {
  copy?.add(text);
  await copy?.keep(JSON_TYPE);
  response.statusCode = 200;
  response.setHeader("content-type", JSON_TYPE);
  response.end(text);
}

/** Resolves when the client has taken what was written, or has left. */
const drained = (response: Response): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });

/** Passes on what the provider sends, no faster than the client takes it. A body that breaks off breaks off here, too. */
async function sendBytes(response: Response, answer: DirectResult & { kind: "bytes" }, copy: AnswerCopy | null): Promise<void> {
  response.writeHead(200, { "content-type": answer.contentType, "x-accel-buffering": "no" });
  try {
    for await (const piece of answer.bytes) {
      copy?.add(piece);
      if (!response.write(piece) && !response.destroyed) await drained(response);
    }
  } catch (error) {
    response.destroy();
    throw error;
  }
  await copy?.keep(answer.contentType);
  response.end();
}

/** A call on the direct path whose answer comes whole, or is no stream of events. Its caller's leaving ends it. */
export function answerDirect(door: Door, call: Call, { input, ...request }: DirectRequest): Promise<void> {
  const { signal } = leavingOf(call);
  return answerOnce(door, call, { input, signal }, async (copy) => {
    const direct = { ...request, route: call.route, requestId: requestIdOf(call), signal };
    const answer = await door.gateway.callModel(call.caller, direct);
    if (answer.kind === "json") return sendWhole(call.response, answer.text, copy);
    if (answer.kind === "bytes") return sendBytes(call.response, answer, copy);
    throw new Error("A stream of events that was not asked for.");
  });
}

/** The same for an answer that is streamed as chunks. */
export async function streamDirect(door: Door, call: Call, { input, ...request }: DirectRequest): Promise<void> {
  const { response, credential, caller } = call;
  onGone(response, door.openStream(caller));
  const leaving = leavingOf(call);
  const { signal } = leaving;
  const { attachments } = door;
  const stream = new EventStream({ response, credential, attachments, endsWithProcess: false, stop: (reason) => leaving.abort(reason) });
  try {
    await answerOnce(door, call, { input, signal }, async (copy) => {
      const answer = await door.gateway.callModel(caller, { ...request, route: call.route, requestId: requestIdOf(call), signal });
      if (answer.kind === "json") return sendWhole(response, answer.text, copy);
      if (answer.kind === "bytes") return sendBytes(response, answer, copy);
      for await (const events of answer.events) {
        let text = "";
        for (const { data } of events) text += `data: ${data}\n\n`;
        copy?.add(text);
        stream.write(text);
        if (stream.isFull) await stream.drained();
      }
      copy?.add("data: [DONE]\n\n");
      await copy?.keep("text/event-stream; charset=utf-8");
      stream.done();
    });
  } catch (error) {
    if (stream.isOver) return;
    stream.fail(toGatewayError(error, door.log.child({ requestId: requestIdOf(call) })));
  }
}
