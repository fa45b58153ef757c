import { appRouter, type Context, formatError, type ProcedureName } from "@parley/router";
import { callTRPCProcedure, getTRPCErrorFromUnknown } from "@trpc/server";
import type { Request, Response } from "express";
import type { Attachments } from "../attachments.ts";
import type { ReadJsonBody } from "../json-body.ts";
import { parseQueryInput, readInput } from "./read-input.ts";
import { SubscriptionStream } from "./subscription-stream.ts";

interface Serving {
  path: ProcedureName;
  ctx: Context;
  attachments: Attachments;
  readJsonBody: ReadJsonBody;
}

const isIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value;

/** The input with what the client saw last, which comes in a header when it reconnects. */
function withLastEventId(input: unknown, request: Request): unknown {
  const seen = request.headers["last-event-id"] ?? request.query.lastEventId;
  if (typeof seen !== "string" || seen === "") return input;
  return typeof input === "object" && input !== null ? { ...input, lastEventId: seen } : { lastEventId: seen };
}

/**
 * A subscription over SSE: `GET` with `?input=` as browsers' event sources do it, or `POST` with the input as body, which
 * keeps what people write out of addresses. The status is always 200; a refusal is the stream's typed last event.
 */
export async function serveSubscription(
  request: Request,
  response: Response,
  { path, ctx, attachments, readJsonBody }: Serving,
): Promise<void> {
  // A body has to be read before the head goes out: a client may wait for the one to send the other.
  const body = request.method === "POST" ? await readInput(readJsonBody, request, response) : undefined;
  if (response.destroyed) return;
  const stream = new SubscriptionStream({ response, visitor: ctx.visitor });
  const forget = attachments.add(stream);
  stream.signal.addEventListener("abort", forget, { once: true });
  try {
    const getRawInput = async () => withLastEventId(body ? body() : parseQueryInput(request), request);
    const { signal } = stream;
    const items: unknown = await callTRPCProcedure({
      router: appRouter,
      path,
      getRawInput,
      ctx,
      type: "subscription",
      signal,
      batchIndex: 0,
    });
    if (isIterable(items)) await stream.send(items);
    stream.complete();
  } catch (thrown) {
    if (!stream.signal.aborted) stream.fail(formatError({ error: getTRPCErrorFromUnknown(thrown), path, ctx }));
  } finally {
    forget();
  }
}
