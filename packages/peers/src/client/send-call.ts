import type { PeerCall, PeerHearing } from "@parley/domain";
import { orAborted } from "../or-aborted.ts";
import { INVALID_PARAMS, PARSE_ERROR, TASK_NOT_FOUND } from "./exchange.ts";
import { followTask } from "./follow-task.ts";
import { requestOf } from "./message-of.ts";
import type { Line } from "./open-line.ts";
import type { PeerBounds } from "./peer-bounds.ts";
import type { ReadCard } from "./read-card.ts";
import { isSettled, TaskView } from "./task-view.ts";
import { type Failure, whyFailed } from "./why-failed.ts";

/** How long a message that is under way when its call ends is given to say under which id it was taken up: without it nobody can cancel the task. */
const LAST_WORD_MS = 3_000;

export interface Conversed {
  view: TaskView;
  failure: Failure | null;
}

interface Talk {
  line: Line;
  card: ReadCard | null;
  bounds: PeerBounds;
}

/** Sends a call's message once and follows its task. Throws the signal's reason once aborted; the task, or the refusal, is still told where it is heard of. */
export async function sendCall({ line, card, bounds }: Talk, call: PeerCall, hearing: PeerHearing): Promise<Conversed> {
  const view = new TaskView(bounds.peerArtifactsMax, hearing.onText);
  const told = tellTask(view, hearing);
  const sending = begin({ line, card }, call, { view, told, hearing });
  sending
    .then((refusal) => (call.signal.aborted && refusal?.state === "failed" ? hearing.onRefused() : undefined))
    // Whoever waits hears of it by the answer.
    .catch(() => {});
  const failure = await orAborted(sending, call.signal);
  if (failure !== null) return { view, failure };
  return followed(line, { view, call, hearing, awayMs: bounds.peerAwayMs });
}

/** Follows a task that is known, without a message. */
export async function followed(
  line: Line,
  { view, call, hearing, awayMs }: { view: TaskView; call: Pick<PeerCall, "signal">; hearing: PeerHearing; awayMs: number },
): Promise<Conversed> {
  if (isSettled(view.state)) return { view, failure: null };
  const { taskId } = view;
  if (taskId === null) return { view, failure: { state: "unknown", error: "The agent gave no answer.", said: "" } };
  const lost = await followTask(line, { view, taskId, hearing, awayMs, signal: call.signal });
  return { view, failure: lost === null ? null : { state: "unknown", error: lost, said: "" } };
}

interface Beginning {
  view: TaskView;
  told: () => Promise<void>;
  hearing: PeerHearing;
}

/** Null where the peer has taken it up, or answered at once. A peer that refuses the way a task is named is asked once the other way: it has taken up nothing. */
async function begin({ line, card }: Omit<Talk, "bounds">, call: PeerCall, { view, told, hearing }: Beginning): Promise<Failure | null> {
  const grace = graceOf(call.signal, () => view.taskId !== null);
  const own = card?.takesTaskIds === true ? call.messageId : null;
  const ids = call.taskId === null ? [own, own === null ? call.messageId : null] : [call.taskId];
  try {
    for (const [place, taskId] of ids.entries()) {
      const failure = await tryOnce({ line, card }, call, { taskId, view, told, hearing, signal: grace.signal });
      const mayRetry = failure?.state === "failed" && place + 1 < ids.length && namesDiffer(line, taskId);
      if (!mayRetry) return failure;
    }
    return null;
  } finally {
    grace.end();
  }
}

/** Only in 0.3 there are peers that want to be told the id; one that does not says that it knows no such task. */
function namesDiffer({ exchange, version }: Line, taskId: string | null): boolean {
  const code = exchange.refusal?.code;
  if (version !== "0.3") return false;
  return taskId === null ? code === PARSE_ERROR || code === INVALID_PARAMS : code === TASK_NOT_FOUND;
}

async function tryOnce(
  { line, card }: Omit<Talk, "bounds">,
  call: PeerCall,
  { taskId, view, told, hearing, signal }: Beginning & { taskId: string | null; signal: AbortSignal },
): Promise<Failure | null> {
  const { transport, serviceParameters } = line;
  const request = requestOf({ ...call, push: card?.pushes === true ? call.push : null }, taskId);
  try {
    if (card?.streaming !== true) {
      const answer = await transport.sendMessage(request, { signal, serviceParameters });
      if ("messageId" in answer) view.takeMessage(answer);
      else view.takeTask(answer);
      await told();
      return null;
    }
    let before = "";
    for await (const event of transport.sendMessageStream(request, { signal, serviceParameters })) {
      view.takeEvent(event);
      await told();
      const now = `${view.state} ${view.prompt}`;
      if (now !== before && !isSettled(view.state)) hearing.onProgress({ state: view.state, text: view.prompt });
      before = now;
      if (isSettled(view.state)) break;
    }
    return null;
  } catch (error) {
    // Once there is a task it is asked for, however its stream has ended; unless all that may be read is read.
    if (view.taskId !== null && line.exchange.bytesLeft >= 0) return null;
    return whyFailed(error, line.exchange);
  }
}

/** Tells of the task once, and resolves when it is told. */
function tellTask(view: TaskView, { onTask }: PeerHearing): () => Promise<void> {
  let told: Promise<void> | null = null;
  return () => {
    const { taskId, contextId } = view;
    if (taskId !== null) told ??= onTask({ taskId, contextId: contextId ?? "" });
    return told ?? Promise.resolve();
  };
}

/** Aborts with the signal, but not before the task's name is known or its time is over. */
function graceOf(signal: AbortSignal, isNamed: () => boolean): { signal: AbortSignal; end(): void } {
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let ticker: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    if (isNamed()) return late.abort(signal.reason);
    timer = setTimeout(() => late.abort(signal.reason), LAST_WORD_MS);
    ticker = setInterval(() => isNamed() && late.abort(signal.reason), 50);
  };
  if (signal.aborted) late.abort(signal.reason);
  else signal.addEventListener("abort", onAbort, { once: true });
  return {
    signal: late.signal,
    end() {
      signal.removeEventListener("abort", onAbort);
      clearTimeout(timer);
      clearInterval(ticker);
    },
  };
}
