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

/** What stands in it; null where the text is nothing of the kind. Marks in it stay broken. */
export function textOfRemote(content: string): string | null {
  const start = content.indexOf(`<${REMOTE_MARK} `);
  const end = content.lastIndexOf(`\n</${REMOTE_MARK}>`);
  const body = content.indexOf("\n", start) + 1;
  return start < 0 || end < 0 ? null : content.slice(body, Math.max(body, end));
}

/** `yes` only where every part is signed. */
function verified(signatures: PeerSignatures | null): "yes" | "no" | "unsigned" | "unknown" {
  if (signatures === null) return "unknown";
  if (signatures.verified < signatures.signed) return "no";
  return signatures.signed === 0 || signatures.unsigned > 0 ? "unsigned" : "yes";
}

const ESCAPES: Record<string, string> = { "&": "&amp;", '"': "&quot;", "<": "&lt;", ">": "&gt;" };
const attribute = (text: string): string => text.replace(/[&"<>]/g, (sign) => ESCAPES[sign] ?? sign).replace(/[\r\n]+/g, " ");
