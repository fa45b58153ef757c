import type { GatewayProbe, PeerArtifact, PeerCall, PeerClient, PeerHearing, PeerOutcome, PeerPart } from "@parley/domain";
import type { Scrubber } from "@parley/egress";
import { shownTo } from "./shown-to.ts";

type Talk = Omit<PeerClient, "card">;

/** A peer that says what it was shown, be it in a text, a file or a reason, is heard without that: no model, log or client learns of it. */
export function withoutEchoes({ send, reconcile, find, cancel }: Talk): Talk {
  async function heard<Answer extends PeerOutcome | null>(
    { target }: Pick<PeerCall, "target">,
    hearing: PeerHearing,
    ask: (hearing: PeerHearing) => Promise<Answer>,
  ): Promise<Answer> {
    const shown = shownTo(target);
    const text = shown.pieces();
    const outcome = await ask({
      ...hearing,
      onProgress: (progress) => hearing.onProgress({ ...progress, text: shown.text(progress.text) }),
      onText(piece) {
        const clean = text.take(piece);
        if (clean !== "") hearing.onText(clean);
      },
    });
    const last = text.rest();
    if (last !== "") hearing.onText(last);
    return outcome === null ? outcome : { ...outcome, ...cleaned(outcome, shown) };
  }

  return {
    send: (call, hearing) => heard(call, hearing, (through) => send(call, through)),
    reconcile: (call, hearing) => heard(call, hearing, (through) => reconcile(call, through)),
    find,
    cancel,
  };
}

export const probeWithoutEchoes = ({ status }: GatewayProbe): GatewayProbe => ({
  status: async (target, signal) => shownTo(target).value(await status(target, signal)),
});

/** Names of tasks and contexts stay: the peer is asked by them. */
const cleaned = ({ prompt, error, text, artifacts }: PeerOutcome, shown: Scrubber) => ({
  prompt: shown.text(prompt),
  error: error === null ? null : shown.text(error),
  text: shown.text(text),
  artifacts: artifacts.map(
    ({ id, name, parts }): PeerArtifact => ({
      id,
      name: name === null ? null : shown.text(name),
      parts: parts.map((part) => cleanPart(part, shown)),
    }),
  ),
});

function cleanPart(part: PeerPart, shown: Scrubber): PeerPart {
  if (part.kind !== "file" || part.bytes === null) return shown.value(part);
  const { bytes, ...named } = part;
  return { ...shown.value(named), bytes: shown.bytes(Buffer.from(bytes, "base64")).toString("base64") };
}
