import type { PeerSignatures } from "@parley/contracts";
import { withoutMarks } from "../turn/enclosed.ts";
import { REMOTE_MARK } from "../turn/holds-foreign-text.ts";

interface Origin {
  agent: string;
  /** Only one that was pinned: any peer may say of itself that it is somebody. */
  did: string | null;
  signatures: PeerSignatures | null;
}

/** What a peer has said, as it enters a context: text of somebody else's, and whose it is. */
export function remoteContent({ agent, did, signatures }: Origin, body: string): string {
  const facts = [`agent="${attribute(agent)}"`, ...(did === null ? [] : [`did="${attribute(did)}"`]), `verified="${verified(signatures)}"`];
  return `<${REMOTE_MARK} ${facts.join(" ")}>\n${withoutMarks(body)}\n</${REMOTE_MARK}>`;
}

/** `yes` only where every part is signed. */
function verified(signatures: PeerSignatures | null): "yes" | "no" | "unsigned" | "unknown" {
  if (signatures === null) return "unknown";
  if (!signatures.ok) return "no";
  return signatures.signed === 0 || signatures.unsigned > 0 ? "unsigned" : "yes";
}

const ESCAPES: Record<string, string> = { "&": "&amp;", '"': "&quot;", "<": "&lt;", ">": "&gt;" };
const attribute = (text: string): string => text.replace(/[&"<>]/g, (sign) => ESCAPES[sign] ?? sign).replace(/[\r\n]+/g, " ");
