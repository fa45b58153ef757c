import type { Page, Peer } from "@parley/contracts";
import { sendJson } from "../send-json.ts";
import { type Handler, onceOf, onPeer } from "./call.ts";
import { readPage } from "./list-query.ts";
import { parse } from "./parse.ts";
import { createPeerBody, updatePeerBody } from "./peer-input.ts";
import { peerRow } from "./peer-row.ts";

const peerPage = ({ items, total, page, perPage }: Page<Peer>) => ({
  ...{ items: items.map(peerRow), total, page, per_page: perPage, total_pages: Math.ceil(total / perPage) },
});

/** Its credentials are sealed here and never told again. */
export const createPeer: Handler = async ({ gateway, readJsonBody }, call) => {
  const input = parse(createPeerBody, await readJsonBody(call.request, call.response), "body");
  sendJson(call.response, 201, peerRow(await gateway.createPeer(call.caller, input, onceOf(call))));
};

/** What is left out stays; null takes away what may be null. */
export const updatePeer: Handler = async ({ gateway, readJsonBody }, call) => {
  const peerId = onPeer(call);
  const change = parse(updatePeerBody, await readJsonBody(call.request, call.response), "body");
  sendJson(call.response, 200, peerRow(await gateway.updatePeer(call.caller, { peerId, ...change }, onceOf(call))));
};

/** Agents that name it go on without it. */
export const deletePeer: Handler = async ({ gateway }, call) => {
  const id = onPeer(call);
  await gateway.deletePeer(call.caller, id, onceOf(call));
  sendJson(call.response, 200, { id, deleted: true });
};

export const getPeer: Handler = async ({ gateway }, call) => {
  sendJson(call.response, 200, peerRow(await gateway.getPeer(call.caller, onPeer(call))));
};

/** Oldest first. */
export const listPeers: Handler = async ({ gateway, limits }, call) => {
  sendJson(call.response, 200, peerPage(await gateway.listPeers(call.caller, readPage(call.request.query, limits.pageMax))));
};
