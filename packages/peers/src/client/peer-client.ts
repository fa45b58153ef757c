import { GatewayError } from "@parley/contracts";
import type { PeerCall, PeerClient, PeerHearing, PeerOutcome, PeerTarget } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";
import type { VerifySignatures } from "../did/signature-check.ts";
import type { Credentials } from "../find-credential.ts";
import { createCardCache } from "./card-cache.ts";
import { TASK_NOT_CANCELABLE, TASK_NOT_FOUND } from "./exchange.ts";
import { findTaskOf, mayAsk, taskNamed } from "./find-sent.ts";
import { type Line, openLine } from "./open-line.ts";
import type { PeerBounds } from "./peer-bounds.ts";
import type { ReadCard } from "./read-card.ts";
import { type Conversed, followed, sendCall } from "./send-call.ts";
import { TaskView, type ViewedArtifact } from "./task-view.ts";
import { whyFailed } from "./why-failed.ts";

interface PeerClientOptions {
  fetch: EgressFetch;
  credentials: Credentials;
  verify: VerifySignatures;
  bounds: PeerBounds;
}

const CANCEL_MS = 10_000;

/** Calls other agents over A2A, 1.0 and 0.3, JSON-RPC and HTTP+JSON, as their cards say. */
export function createPeerClient({ fetch, credentials, verify, bounds }: PeerClientOptions): PeerClient {
  const findCard = createCardCache(fetch, bounds.peerSkillsMax);

  async function talkTo(target: PeerTarget): Promise<{ line: Line; card: ReadCard | null; bounds: PeerBounds }> {
    const card = await findCard(target);
    const line = await openLine({ fetch, credentials, bytesMax: bounds.peerBytesMax }, target, card);
    return { line, card, bounds };
  }

  async function outcomeOf(call: PeerCall, card: ReadCard | null, { view, failure }: Conversed): Promise<PeerOutcome> {
    const { target } = call;
    const did = target.trust.pinnedDid ?? card?.did ?? null;
    const artifacts = view.artifacts;
    const checks = target.trust.verifyDid && failure === null && artifacts.length > 0;
    const { organizationId, endpoint, trust } = target;
    const signatures = checks ? await verify({ organizationId, endpoint, did, trust, artifacts: artifacts.map(signedParts) }) : null;
    return {
      state: failure?.state ?? view.state,
      taskId: view.taskId ?? call.taskId,
      contextId: view.contextId,
      prompt: failure === null || failure.said === "" ? view.prompt : failure.said,
      error: failure?.error ?? null,
      text: artifacts.flatMap(({ parts }) => parts.flatMap((part) => (part.kind === "text" ? [part.text] : []))).join("\n\n"),
      artifacts: artifacts.map(({ id, name, parts }) => ({ id, name, parts: parts.map(({ metadata: _, ...part }) => part) })),
      signatures,
      did,
      didSource: did === null ? null : target.trust.pinnedDid === undefined ? "observed" : "pinned",
      cut: view.cut,
    };
  }

  return {
    async send(call, hearing) {
      const talk = await talkTo(call.target);
      if (call.signal.aborted) await hearing.onRefused();
      call.signal.throwIfAborted();
      return outcomeOf(call, talk.card, await sendCall(talk, call, hearing));
    },

    async reconcile({ sentTaskId, ...call }, hearing) {
      const { line, card } = await talkTo(call.target);
      const view = new TaskView(bounds.peerArtifactsMax, hearing.onText);
      const found = await findAgain({ line, card, bounds }, { call, sentTaskId, view, hearing });
      return found === null ? null : outcomeOf(call, card, found);
    },

    async find({ target, signal, ...message }) {
      const { line, card } = await talkTo(target);
      if (!mayAsk(line, card)) throw new GatewayError("egress_failed", { detail: "the peer cannot be asked what became of a message" });
      const task = await findTaskOf(line, card, { ...message, signal: AbortSignal.any([signal, AbortSignal.timeout(CANCEL_MS)]) });
      return task?.id ?? null;
    },

    async cancel({ target, taskId, signal }) {
      const { line } = await talkTo(target);
      const { transport, exchange, serviceParameters } = line;
      const either = AbortSignal.any([signal, AbortSignal.timeout(CANCEL_MS)]);
      try {
        await transport.cancelTask({ tenant: "", id: taskId, metadata: undefined }, { signal: either, serviceParameters });
      } catch (error) {
        const code = exchange.refusal?.code;
        // It has ended, or is not there: there is nothing left to cancel.
        if (code !== TASK_NOT_CANCELABLE && code !== TASK_NOT_FOUND) throw error;
      }
    },

    card: findCard,
  };
}

/** A peer that is away for a moment is asked again, for as long as it may be away. */
async function findAgain(
  { line, card, bounds }: { line: Line; card: ReadCard | null; bounds: PeerBounds },
  { call, sentTaskId, view, hearing }: { call: PeerCall; sentTaskId: string | null; view: TaskView; hearing: PeerHearing },
): Promise<Conversed | null> {
  const known = sentTaskId ?? call.taskId;
  try {
    if (known === null && !mayAsk(line, card)) return null;
    const task = known === null ? await findTaskOf(line, card, call) : await taskNamed(line, known, call.signal);
    if (task === null) return null;
    view.takeTask(task);
  } catch (error) {
    call.signal.throwIfAborted();
    if (known === null) return { view, failure: { ...whyFailed(error, line.exchange), state: "unknown" } };
    view.taskId = known;
  }
  if (view.taskId !== null) await hearing.onTask({ taskId: view.taskId, contextId: view.contextId ?? "" });
  return followed(line, { view, call, hearing, awayMs: bounds.peerAwayMs });
}

const signedParts = ({ parts }: ViewedArtifact) => ({
  parts: parts.map((part) => ({ ...(part.kind === "text" ? { text: part.text } : {}), metadata: part.metadata })),
});
