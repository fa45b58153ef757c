import { peerTrust } from "@parley/contracts";
import type { PeerCall, PeerHearing, PeerOutcome } from "@parley/domain";
import { expect, it } from "vitest";
import { shownTo } from "./shown-to.ts";
import { withoutEchoes } from "./without-echoes.ts";

const TOKEN = "the-token";
const CALL = {
  target: {
    ...{ organizationId: "o", id: "p", name: "Peer", endpoint: "https://peer.example", changedAt: null, deduplicates: false },
    ...{ auth: { type: "bearer", token: TOKEN }, trust: peerTrust.parse({}) },
  },
  ...{ messageId: "m", contextId: "c", taskId: null, referenceTaskIds: [], skill: null, input: {}, hopsMax: 1, push: null },
  signal: new AbortController().signal,
} satisfies PeerCall;
const OUTCOME: PeerOutcome = {
  ...{ state: "failed", taskId: "task", contextId: "c", prompt: `I know ${TOKEN}.`, error: `refused ${TOKEN}`, text: `told ${TOKEN}` },
  artifacts: [
    {
      id: "a",
      name: `of ${TOKEN}`,
      parts: [
        { kind: "text", text: `a ${TOKEN}` },
        { kind: "data", data: { [TOKEN]: [{ header: `Bearer ${TOKEN}` }] } },
        { kind: "file", name: `${TOKEN}.txt`, mediaType: "text/plain", bytes: Buffer.from(`in ${TOKEN}`).toString("base64"), url: null },
        { kind: "file", name: null, mediaType: null, bytes: null, url: `https://peer.example/?key=${TOKEN}` },
      ],
    },
  ],
  ...{ signatures: null, did: null, didSource: null, cut: false },
};

it("nothing that a peer was shown is in what is heard of it, nor in what comes of it, and the rest is as it was", async () => {
  const answer = async ({ target }: Pick<PeerCall, "target">, { onText, onProgress }: PeerHearing): Promise<PeerOutcome> => {
    shownTo(target).add(TOKEN);
    onProgress({ state: "working", text: `${TOKEN} it is` });
    for (const piece of ["You said ", "the-", "to", "ken, the-", "end, the-to"]) onText(piece);
    return OUTCOME;
  };
  const client = withoutEchoes({ send: answer, reconcile: answer, find: async () => null, cancel: async () => {} });
  for (const way of ["send", "reconcile"] as const) {
    const heard: string[] = [];
    const hearing: PeerHearing = {
      onTask: async () => {},
      onRefused: async () => {},
      onProgress: ({ text }) => void heard.push(text),
      onText: (text) => void heard.push(text),
      nudged: async () => {},
    };
    const outcome = await client[way]({ ...CALL, sentTaskId: null }, hearing);
    expect(heard.join("")).toBe("[secret] it isYou said [secret], the-end, the-to");
    const file = outcome?.artifacts[0]?.parts[2];
    expect(file?.kind === "file" && Buffer.from(file.bytes ?? "", "base64").toString()).toBe("in [secret]");
    expect(JSON.stringify(outcome)).not.toContain(TOKEN);
    expect(outcome).toMatchObject({ state: "failed", taskId: "task", prompt: "I know [secret].", error: "refused [secret]" });
    expect(outcome?.artifacts[0]?.parts).toMatchObject([
      { text: "a [secret]" },
      { data: { "[secret]": [{ header: "Bearer [secret]" }] } },
      { name: "[secret].txt" },
      { url: "https://peer.example/?key=[secret]" },
    ]);
  }
});
