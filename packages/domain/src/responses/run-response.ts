import { GatewayError, isGatewayError, type Limits } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { LiveTail } from "../log/live-tail.ts";
import type { Log } from "../logger.ts";
import { type AnswerPorts, beginAnswer } from "./answer-response.ts";
import { EVENTS_AT_START, type ResponseJob, tellFollowers } from "./background-response.ts";
import { builderFor } from "./create-response.ts";
import { conversationItems } from "./gather-context.ts";
import { type LockPorts, lockConversation } from "./lock-conversation.ts";
import type { ResponseEvent } from "./response.ts";
import type { ResponseBuilder } from "./response-builder.ts";
import { responseFailure } from "./response-failure.ts";
import type { ResponseKey, ResponseStore } from "./response-store.ts";

export interface RunPorts extends AnswerPorts, LockPorts {
  responses: ResponseStore;
  tail: Pick<LiveTail, "publish">;
  clock: Clock;
  log: Log;
  limits: Limits;
}

/** What is told within this time is written together. */
const GATHER_MS = 100;

/** Writes one response, as the only one who may. */
class ResponseWriter {
  /** Aborts when another has the right to write, or the response was ended. */
  readonly lost = new AbortController();
  readonly #ports: RunPorts;
  readonly #key: ResponseKey;
  readonly #epoch: number;
  readonly #leaseMs: number;
  readonly #builder: ResponseBuilder;
  #first = EVENTS_AT_START;
  #waiting: string[] = [];
  #writtenMs: number;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    ports: RunPorts,
    key: ResponseKey,
    { epoch, leaseMs, builder }: { epoch: number; leaseMs: number; builder: ResponseBuilder },
  ) {
    this.#ports = ports;
    this.#key = key;
    this.#epoch = epoch;
    this.#leaseMs = leaseMs;
    this.#builder = builder;
    this.#writtenMs = ports.clock.monotonicMs();
  }

  /** The number of events that are to be told or have been. */
  get told(): number {
    return this.#first + this.#waiting.length;
  }

  async add(events: readonly ResponseEvent[], now = false): Promise<void> {
    this.#waiting.push(...events.map(({ text }) => text));
    if (now || this.#ports.clock.monotonicMs() - this.#writtenMs >= GATHER_MS) await this.write();
  }

  /** Goes on holding the right to write, too. One at a time. */
  write(leaseMs = this.#leaseMs): Promise<void> {
    this.#writing = this.#writing.catch(() => {}).then(() => this.#write(leaseMs));
    return this.#writing;
  }

  /** Renews the right to write until the signal aborts. */
  async hold(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#ports;
    while (!signal.aborted) {
      await clock.sleep(Math.min(this.#leaseMs / 3, 1_000), signal);
      if (signal.aborted) return;
      await this.write().catch((error: unknown) => log.debug({ err: error }, "a response was not written"));
    }
  }

  async #write(leaseMs: number): Promise<void> {
    const events = this.#waiting;
    const { status } = this.#builder.snapshot;
    const ends = status !== "queued" && status !== "in_progress";
    const snapshot = ends || this.#first === EVENTS_AT_START ? this.#builder.snapshot : null;
    try {
      await this.#ports.responses.append(this.#key, { epoch: this.#epoch, first: this.#first, events, leaseMs, status, snapshot });
    } catch (error) {
      if (isGatewayError(error, "stale_epoch")) this.lost.abort(error);
      throw error;
    }
    this.#first += events.length;
    this.#waiting = this.#waiting.slice(events.length);
    this.#writtenMs = this.#ports.clock.monotonicMs();
    if (events.length > 0) tellFollowers(this.#ports, this.#key);
  }
}

/**
 * Makes a response that nobody waits for: claims it, asks the model, writes what it says as it comes. Safe to run twice. An attempt that takes over
 * begins anew. The signal aborts when this process stops: the response is given back.
 */
export async function runResponse(
  ports: RunPorts,
  key: ResponseKey,
  { leaseMs, signal }: { leaseMs: number; signal: AbortSignal },
): Promise<void> {
  const claimed = await ports.responses.claim(key, { leaseMs, force: false, kept: EVENTS_AT_START });
  if (claimed.state !== "claimed") return;
  const job = claimed.job as ResponseJob;
  const builder = builderFor(ports, key.organizationId, job.request, job.head);
  builder.resume(EVENTS_AT_START);
  const writer = new ResponseWriter(ports, key, { epoch: claimed.epoch, leaseMs, builder });
  const done = new AbortController();
  const holding = writer.hold(done.signal);
  try {
    builder.progress("in_progress");
    await writer.add(builder.take(), true);
    if (claimed.attempts > ports.limits.attemptsPerResponseMax)
      throw new GatewayError("internal", { text: "The response was begun too often and never ended." });
    await answer(ports, key, { job, builder, writer, signal: AbortSignal.any([signal, writer.lost.signal]) });
    await writer.add(builder.take(), true);
  } catch (error) {
    if (writer.lost.signal.aborted) return;
    if (signal.aborted) {
      // Another worker may have it at once.
      await writer.write(0).catch(() => {});
      throw error;
    }
    if (isGatewayError(error, "storage_unavailable")) throw error;
    builder.take();
    builder.resume(writer.told);
    builder.fail(responseFailure(error), null);
    await writer.add(builder.take(), true);
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

async function answer(ports: RunPorts, { organizationId }: ResponseKey, { job, builder, writer, signal }: Making): Promise<void> {
  const { request, models, principalId, requestId, conversationId, inputs } = job;
  const unlock = await lockConversation(ports, organizationId, request, signal);
  try {
    const before =
      conversationId === null ? [] : await conversationItems(ports, organizationId, conversationId, request.conversation ?? "");
    const items = job.items ?? [...before, ...inputs];
    const answering = { request, items, models, route: "responses.create", requestId, signal };
    const begun = await beginAnswer(ports, { organizationId, principalId }, answering);
    for await (const events of begun.tell(builder, ports.clock)) await writer.add(events);
    if (conversationId !== null) await writer.add(builder.take(), true);
  } finally {
    await unlock();
  }
}
