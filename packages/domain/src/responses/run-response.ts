import { GatewayError, isGatewayError, type Limits } from "@parley/contracts";
import type { JobQueue } from "../job-queue.ts";
import { type AnswerPorts, beginAnswer } from "./answer-response.ts";
import { EVENTS_AT_START, type ResponseJob } from "./background-response.ts";
import { boundKept, builderFor } from "./create-response.ts";
import { conversationItems } from "./gather-context.ts";
import { type LockPorts, lockConversation } from "./lock-conversation.ts";
import { orderResponse } from "./order-response.ts";
import type { ResponseBuilder } from "./response-builder.ts";
import { responseFailure } from "./response-failure.ts";
import type { ResponseKey } from "./response-store.ts";
import { ResponseWriter, type WriterPorts } from "./response-writer.ts";

export interface RunPorts extends AnswerPorts, LockPorts, WriterPorts {
  queue: JobQueue;
  clock: WriterPorts["clock"];
  log: WriterPorts["log"];
  limits: Limits;
}

/** How long an attempt waits in its place for a conversation that another goes on in. */
const CONVERSATION_WAIT_MS = 2_000;

interface RunSettings {
  leaseMs: number;
  /** Ends the attempt. */
  signal: AbortSignal;
  /** Ends it, too, as this process stops: such an attempt does not count. */
  closing: AbortSignal;
}

/**
 * Makes a response that nobody waits for: claims it, asks the model, writes what it says as it comes. Safe to run twice. An attempt that takes over
 * begins anew. One that is told to stop is given back, and ordered again.
 */
export async function runResponse(ports: RunPorts, key: ResponseKey, { leaseMs, signal, closing }: RunSettings): Promise<void> {
  const claimed = await ports.responses.claim(key, { leaseMs, force: false, kept: EVENTS_AT_START });
  if (claimed.state !== "claimed") return;
  const job = claimed.job as ResponseJob;
  const builder = builderFor(ports, key.organizationId, job.request, job.head);
  builder.resume(EVENTS_AT_START);
  const writer = new ResponseWriter(ports, key, { epoch: claimed.epoch, leaseMs });
  const done = new AbortController();
  const holding = writer.hold(done.signal);
  const ending = AbortSignal.any([signal, closing, writer.lost.signal]);
  try {
    builder.progress("in_progress");
    await writer.put(builder.take(), builder.snapshot, ending);
    if (claimed.attempts > ports.limits.attemptsPerResponseMax)
      throw new GatewayError("internal", { text: "The response was begun too often and never ended." });
    await answer(ports, key, { job, builder, writer, signal: ending });
  } catch (error) {
    if (writer.lost.signal.aborted) return;
    if (closing.aborted || isGatewayError(error, "call_under_way")) {
      await ports.responses.giveBack(key, claimed.epoch);
      // By then the sweep finds it, if this order does not arrive.
      if (closing.aborted) await orderResponse(ports.queue, key, claimed.epoch).catch(() => {});
      return;
    }
    if (signal.aborted || isGatewayError(error, "storage_unavailable")) throw error;
    builder.take();
    builder.resume(writer.told);
    builder.fail(responseFailure(error), null);
    await writer.put(builder.take(), builder.snapshot, ending);
  } finally {
    done.abort();
    await holding;
  }
}

interface Making {
  job: ResponseJob;
  builder: ResponseBuilder;
  writer: ResponseWriter;
  signal: AbortSignal;
}

/** Ends the response as its model did. Throws what the model does, and `call_under_way` where another goes on in its conversation for too long. */
async function answer(ports: RunPorts, { organizationId, responseId }: ResponseKey, making: Making): Promise<void> {
  const { job, builder, writer, signal } = making;
  const { request, models, principalId, requestId, conversationId, inputs } = job;
  const impatient = { ...ports, limits: { ...ports.limits, syncWaitMs: CONVERSATION_WAIT_MS } };
  const unlock = await lockConversation(impatient, organizationId, request, signal);
  const bound = boundKept(ports.limits);
  try {
    const before =
      conversationId === null ? [] : await conversationItems(ports, organizationId, conversationId, request.conversation ?? "");
    const items = job.items ?? [...before, ...inputs];
    await writer.ensureHeld(signal);
    const attempt = { responseId, epoch: writer.epoch };
    const answering = { request, items, models, route: "responses.create", requestId, attempt, signal };
    const begun = await beginAnswer(ports, { organizationId, principalId }, answering);
    for await (const events of begun.tell(builder, ports.clock)) {
      bound(events);
      await writer.add(events);
    }
    await writer.put(builder.take(), builder.snapshot, signal);
  } finally {
    await unlock();
  }
}
