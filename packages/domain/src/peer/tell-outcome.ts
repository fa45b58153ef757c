import type { PeerReport, PeerSignatures } from "@parley/contracts";
import type { ResultRecord } from "../turn/journal-line.ts";
import { storableText } from "../turn/storable.ts";
import { keepPeerFile } from "./keep-peer-file.ts";
import type { PeerOutcome, PeerPart } from "./peer-client.ts";
import type { PeerPorts } from "./peer-ports.ts";
import type { PeerCallRow } from "./peer-store.ts";
import { remoteContent } from "./remote-content.ts";

/** What came of a call, for the model and for the log. */
export interface ToldOutcome {
  told: ResultRecord;
  report: PeerReport;
}

const STATES: Partial<Record<PeerOutcome["state"], string>> = {
  failed: "The agent's task failed.",
  rejected: "The agent has rejected the task.",
  canceled: "The agent's task was cancelled.",
  "input-required": "The agent cannot go on without more input.",
  "auth-required": "The agent cannot go on without an authorization.",
  "payment-required": "The agent wants to be paid first. Do not call it again for this; tell the user what it asks for.",
  "trust-verification-required": "The agent wants to know first whom it deals with. Tell the user what it asks for.",
};

interface Telling {
  call: PeerCallRow;
  outcome: PeerOutcome;
  signal: AbortSignal;
}

/**
 * Says what came of a call. What the peer has said itself stands in an envelope; its files are kept among the organization's. Throws the signal's reason where
 * that is aborted before all of them are.
 */
export async function tellOutcome(ports: PeerPorts, { call, outcome, signal }: Telling): Promise<ToldOutcome> {
  const { target } = call;
  const { state, signatures, did, didSource } = outcome;
  const isWithheld = signatures?.ok === false && target.trust.onBadSignature === "fail";
  const error = isWithheld ? withheld(signatures) : (outcome.error ?? STATES[state] ?? null);
  const { tokens } = outcome;
  const report = { state, taskId: outcome.taskId, signatures, did, didSource, error, ...(tokens !== undefined && { tokens }) };
  const isError = error !== null;
  const unknown = state === "unknown" ? { unknown: true as const } : {};
  if (isWithheld) return { told: { text: error ?? "", isError: true, words: "own" }, report };
  const said = await saidBy(outcome, { charsMax: ports.limits.peerResultCharsMax, keep: keeperOf(ports, call.organizationId, signal) });
  const body = said === "" && state === "completed" ? `[task ${outcome.taskId ?? "none"} completed - no output]` : said;
  const pinned = didSource === "pinned" ? did : null;
  const envelope = body === "" ? "" : remoteContent({ agent: target.name, did: pinned, signatures }, body);
  const text = [error ?? "", envelope].filter((part) => part !== "").join("\n");
  const reason = outcome.failure === undefined ? {} : { reason: outcome.failure };
  return { told: { text: storableText(text), isError, ...unknown, ...reason, words: envelope === "" ? "own" : "enclosed" }, report };
}

/** `strict` takes nothing that is not signed. */
const withheld = ({ signed, verified }: PeerSignatures): string =>
  signed === verified ? "What the agent gave is not all signed and is withheld." : "What the agent gave is signed wrongly and is withheld.";

type File = Extract<PeerPart, { kind: "file" }>;
/** Where a file is kept; null where it is not. */
type Keep = (file: File) => Promise<string | null>;

/** A peer may send files without number, and each takes a moment: so many are kept, for as long as somebody waits for it. */
function keeperOf(ports: PeerPorts, organizationId: string, signal: AbortSignal): Keep {
  let left = ports.limits.peerFilesMax;
  return async (file) => {
    signal.throwIfAborted();
    if (left <= 0) return null;
    left -= 1;
    return keepPeerFile(ports, organizationId, file);
  };
}

/** All that it has said, one part after the other, as far as the bound goes. */
async function saidBy(
  { artifacts, cut, state, prompt }: PeerOutcome,
  { charsMax, keep }: { charsMax: number; keep: Keep },
): Promise<string> {
  const parts: string[] = [];
  let chars = 0;
  for (const part of artifacts.flatMap((artifact) => artifact.parts)) {
    // What nobody is told of is not kept, either.
    if (chars > charsMax) break;
    const text = await partText(part, keep);
    parts.push(text);
    chars += text.length;
  }
  if (state !== "completed") parts.push(prompt);
  const whole = parts.filter((part) => part !== "").join("\n\n");
  if (whole.length > charsMax) return `${whole.slice(0, charsMax).toWellFormed()}\n[cut after ${charsMax} characters]`;
  return cut ? `${whole}\n[cut: there is more]` : whole;
}

async function partText(part: PeerPart, keep: Keep): Promise<string> {
  if (part.kind === "text") return part.text;
  if (part.kind === "data") return JSON.stringify(part.data);
  const name = `${part.name ?? "without a name"} (${part.mediaType ?? "of no type"})`;
  if (part.url !== null) return `[file ${name} at ${part.url}]`;
  const place = await keep(part);
  return place === null ? `[file ${name}: it could not be kept]` : `[file ${name}: ${place}]`;
}
