import type { EgressFetch } from "@parley/egress";
import { expect, it } from "vitest";
import { createCardCache } from "./card-cache.ts";

/** A peer whose card is there or not, as the test says, and a clock that the test moves. */
function open() {
  const peer = { hasCard: true, asked: 0, nowMs: 0 };
  const fetch: EgressFetch = async (input) => {
    const url = String(input);
    if (url.endsWith("/agent/.well-known/agent-card.json")) peer.asked += 1;
    const response = peer.hasCard ? Response.json({ name: "Peer" }) : new Response("", { status: 404 });
    return Object.defineProperty(response, "url", { value: url });
  };
  const find = createCardCache(fetch, 10, () => peer.nowMs);
  /** What is found at that time, and how often the peer was asked by then. */
  const at = async (ms: number, more: { changedAt?: string } = {}) => {
    peer.nowMs = ms;
    const card = await find({ id: "p", endpoint: "https://peer.example/agent", changedAt: null, ...more });
    return [card?.name ?? null, peer.asked];
  };
  return { peer, at };
}

it("a card is kept for five minutes", async () => {
  const { peer, at } = open();
  expect(await at(0)).toEqual(["Peer", 1]);
  peer.hasCard = false;
  expect(await at(299_999)).toEqual(["Peer", 1]);
  expect(await at(300_000)).toEqual([null, 2]);
});

it("that there is none is kept for ten seconds, whoever asks meanwhile", async () => {
  const { peer, at } = open();
  peer.hasCard = false;
  expect(await at(0)).toEqual([null, 1]);
  peer.hasCard = true;
  expect(await Promise.all([at(9_999), at(9_999)])).toEqual([
    [null, 1],
    [null, 1],
  ]);
  expect(await at(10_000)).toEqual(["Peer", 2]);
});

it("whoever changes the peer's entry has its card read anew, also where there was none", async () => {
  const { peer, at } = open();
  peer.hasCard = false;
  expect(await at(0, { changedAt: "1" })).toEqual([null, 1]);
  peer.hasCard = true;
  expect(await at(0, { changedAt: "2" })).toEqual(["Peer", 2]);
});
