import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { at, type PeerServer, type System, startPeerServer, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { message, rawA2a, result, stateOf } from "../a2a/support/raw-a2a.ts";
import { callTrpc } from "../system/support/call-trpc.ts";
import { gatewayOf } from "../system/support/gateway-paths.ts";
import { type Relay, startRelay } from "./support/relay.ts";
import { type ScriptedPeer, startScriptedPeer, taskAt } from "./support/scripted-peer.ts";
import { startTokenServer, type TokenServer } from "./support/token-server.ts";

/** Only a hang reaches it, on a busy machine, too. */
const PATIENCE = { timeout: 20_000 };
const HOPS_MAX = 3;
const FILES_MAX = 3;
const DESK_SECRET = "the-desk's-own-secret";

let peer: ScriptedPeer;
let unbound: ScriptedPeer;
let rest: Record<"1.0" | "0.3", PeerServer>;
let tokens: TokenServer;
let relay: Relay;
let system: System;
beforeAll(async () => {
  [peer, unbound, tokens, relay] = await Promise.all([startScriptedPeer(), startScriptedPeer(), startTokenServer(), startRelay()]);
  rest = {
    "1.0": await startPeerServer({ binding: "HTTP+JSON", versions: ["1.0"], answer: (text) => `done: ${text}` }),
    "0.3": await startPeerServer({ binding: "HTTP+JSON", versions: ["0.3"], answer: (text) => `done: ${text}` }),
  };
  const secrets = [{ name: "desk", value: DESK_SECRET, hosts: [peer.host], organizations: "all" }];
  system = await startSystem({
    allow: [peer, unbound, tokens, relay, ...Object.values(rest)].map(({ host }) => host),
    env: { TOOL_SECRETS: JSON.stringify(secrets), LIMIT_PEER_HOPS_MAX: String(HOPS_MAX), LIMIT_PEER_FILES_MAX: String(FILES_MAX) },
  });
  relay.leadTo(system.apis[0]?.url ?? "");
});
afterAll(async () => {
  await system?.close();
  await Promise.all([peer, unbound, tokens, relay, ...Object.values(rest ?? {})].map((one) => one?.close()));
});
beforeEach(() => {
  for (const one of [peer, unbound, ...Object.values(rest)]) one.journal.length = 0;
  peer.on("message/send", () => ({ result: taskAt("completed", { text: "said" }) }));
  unbound.on("message/send", () => ({ result: taskAt("completed", { text: "said" }) }));
  system.model.otherwise({ text: ["told"] });
});

/** A new agent whose model has called that peer once, with that input. */
async function called(facts: object, input = "it"): Promise<{ agentId: string; conversationId: string }> {
  const made = await system.rest().call("/v1/peers", { body: { name: "Jester", skills: [{ id: "do" }], ...facts } });
  expect(made.status).toBe(201);
  expect(made.text).not.toMatch(/client-secret/);
  const agentId = await system.ours.newAgent({ mayAsk: true, peers: [{ peerId: String(at(made.body, "id")) }] });
  system.model.script({ toolCalls: [{ name: "call_jester_do", arguments: { input } }] });
  const { body } = await gatewayOf(system.rest(), agentId).invoke("Go");
  return { agentId, conversationId: String(at(body, "id")) };
}
/** What its model was told of it. */
const lastTold = () => String(system.model.journal.at(-1)?.body.messages?.at(-1)?.content);

test.each(["1.0", "0.3"] as const)("a peer that speaks HTTP+JSON alone, in %s, is called by it", async (version) => {
  const { journal, url } = rest[version];
  await called({ endpoint: url }, "a long walk");
  expect(lastTold()).toContain("done: a long walk");
  const sent = journal.filter(({ messageId }) => messageId !== null);
  const path = version === "1.0" ? "/message:send" : "/v1/message:send";
  expect(sent.map(({ method, text }) => [method, text])).toEqual([[`POST ${path}`, "a long walk"]]);
});

test("client credentials get a token, once for all calls, and the peer is shown that alone", async () => {
  const auth = { type: "oauth", token_url: tokens.url, client_id: "the-client", client_secret: "the-client-secret", scope: "jokes" };
  const { agentId } = await called({ endpoint: peer.url, auth });
  system.model.script({ toolCalls: [{ name: "call_jester_do", arguments: { input: "again" } }] });
  await gatewayOf(system.rest(), agentId).invoke("Again");
  expect(tokens.asked.map((form) => Object.fromEntries(form))).toEqual([
    { grant_type: "client_credentials", client_id: "the-client", client_secret: "the-client-secret", scope: "jokes" },
  ]);
  expect(peer.asked("message/send").map(({ headers }) => headers.authorization)).toEqual(["Bearer token-1", "Bearer token-1"]);

  peer.journal.length = 0;
  peer.on("message/send", ({ headers }) =>
    headers.authorization === "Bearer token-1"
      ? (response) => response.writeHead(401).end()
      : { result: taskAt("completed", { text: "said" }) },
  );
  const toldOf = async (input: string) => {
    system.model.script({ toolCalls: [{ name: "call_jester_do", arguments: { input } }] });
    await gatewayOf(system.rest(), agentId).invoke(input);
    return lastTold();
  };
  // What is refused is not sent again; the next call comes with another one.
  expect(await toldOf("The token is revoked")).toContain("refused");
  expect(await toldOf("And after that")).toContain("said");
  expect(peer.asked("message/send").map(({ headers }) => headers.authorization)).toEqual(["Bearer token-1", "Bearer token-2"]);
  expect(JSON.stringify(system.model.journal)).not.toMatch(/the-client-secret|token-\d/);
});

test("a named secret goes to the hosts that it is bound to, and to no other, which is not called at all", async () => {
  const auth = { type: "secret", name: "desk" };
  await called({ endpoint: peer.url, auth });
  expect(peer.asked("message/send").map(({ headers }) => headers.authorization)).toEqual([`Bearer ${DESK_SECRET}`]);
  expect(lastTold()).toContain("said");
  for (const [endpoint, name] of [
    [unbound.url, "desk"],
    [peer.url, "nobodys"],
  ] as const) {
    peer.journal.length = 0;
    await called({ endpoint, auth: { type: "secret", name } });
    expect([unbound.journal, peer.journal]).toEqual([[], []]);
    expect(lastTold()).not.toContain("said");
  }
  expect(JSON.stringify(system.model.journal)).not.toContain(DESK_SECRET);
});

test.each([
  ["a token", () => ({ type: "bearer", token: "the/peer's+own=token" })],
  ["a named secret", () => ({ type: "secret", name: "desk" })],
  ["client credentials", () => ({ type: "oauth", token_url: tokens.url, client_id: "an-echo", client_secret: "the-client-secret" })],
])("a peer that says back what it was shown, by %s, is heard without it: by the model, in the log, in what is told", async (_, auth) => {
  let token = "";
  const echoes = (headers: Record<string, unknown>) => {
    token = String(headers["authorization"]).replace("Bearer ", "");
    return JSON.stringify({ headers });
  };
  const part = (text: string) => ({ kind: "text", text });
  for (const answer of [
    (said: string) => ({
      result: {
        ...taskAt("completed"),
        artifacts: [{ artifactId: said, name: said, parts: [part(said), { kind: "data", data: { said } }] }],
      },
    }),
    (said: string) => ({ result: taskAt("failed", { prompt: said }) }),
    (said: string) => ({ error: { code: -32_000, message: said, data: { said } } }),
    (said: string) => (response: ServerResponse) =>
      response.writeHead(403, { "www-authenticate": said }).end(JSON.stringify({ error: { code: 403, message: said } })),
  ]) {
    peer.on("message/send", ({ headers }) => answer(echoes(headers)));
    const { agentId, conversationId } = await called({ endpoint: peer.url, auth: auth() });
    expect(token).not.toMatch(/undefined|^$/);
    expect(lastTold()).toContain("[secret]");
    const { text } = await gatewayOf(system.rest(), agentId).get(conversationId);
    expect(text).toContain("[secret]");
    const everywhere = [
      system.model.journal.at(-1),
      text,
      ...[...system.apis, ...system.workers].map(({ process: { lines, complaints } }) => [lines, complaints]),
    ];
    expect(JSON.stringify(everywhere)).not.toContain(token);
    expect(JSON.stringify(everywhere)).not.toContain(JSON.stringify(token).slice(1, -1));
  }
});

test("a file of a peer's is kept among the organization's, named to the model, and had by who reads the answer over A2A; an address is not fetched", async () => {
  const bytes = Buffer.from("%PDF-1.4 the minutes");
  const parts = [
    { kind: "text", text: "Here they are:" },
    { kind: "file", file: { name: "minutes.pdf", mimeType: "application/pdf", bytes: bytes.toString("base64") } },
    { kind: "file", file: { name: "more.pdf", mimeType: "application/pdf", uri: `${unbound.url}/more.pdf` } },
    { kind: "data", data: { pages: 1 } },
  ];
  peer.on("message/send", () => ({ result: { ...taskAt("completed"), artifacts: [{ artifactId: "a", parts }] } }));
  const { agentId } = await called({ endpoint: peer.url });
  expect(lastTold()).toMatch(
    /Here they are:\s+\[file minutes\.pdf \(application\/pdf\): media:\S+\]\s+\[file more\.pdf .* at http\S+\]\s+\{"pages":1\}/,
  );
  expect(unbound.journal).toEqual([]);

  const a2a = rawA2a(system, agentId);
  system.model.script({ toolCalls: [{ name: "call_jester_do", arguments: { input: "it" } }] }, ({ body }) => ({
    text: `They are in ${/media:[\w.]+/.exec(JSON.stringify(body.messages?.at(-1)))?.[0]}.`,
  }));
  const task = await a2a.send("The minutes, please");
  const [, mediaId] = /media:([\w.]+\w)/.exec(String(at(task, "artifacts", 0, "parts", 0, "text"))) ?? [];
  const file = await system.rest().call(`/media/${mediaId}`);
  expect([file.status, file.headers.get("content-type"), file.text]).toEqual([200, "application/pdf", bytes.toString()]);
  const theirs = await system.newTenant(randomUUID());
  expect((await system.rest(0, theirs.apiKey).call(`/media/${mediaId}`)).status).toBe(404);
});

test("of files without number so many are kept, and the others named; nothing is kept that the model is not told of", async () => {
  const file = (place: number) => ({ kind: "file", file: { name: `${place}.txt`, bytes: "aGk=" } });
  const answer = (parts: unknown[]) => ({ result: { ...taskAt("completed"), artifacts: [{ artifactId: "a", parts }] } });
  peer.on("message/send", () => answer(Array.from({ length: FILES_MAX + 5 }, (_, place) => file(place))));
  await called({ endpoint: peer.url });
  expect(lastTold().match(/media:/g)).toHaveLength(FILES_MAX);
  expect(lastTold().match(/it could not be kept/g)).toHaveLength(5);

  const { media: before } = await system.rowCounts();
  peer.on("message/send", () => answer([{ kind: "text", text: "x".repeat(70_000) }, file(0)]));
  await called({ endpoint: peer.url });
  expect((await system.rowCounts())["media"]).toBe(before);
});

test("a circle of agents through gateways comes to its end: each is told how many may still work behind it", async () => {
  const agentId = await system.ours.newAgent({ name: "Round" });
  const endpoint = `${relay.url}/a2a/agents/${agentId}`;
  const made = await system.rest().call("/v1/peers", {
    body: { name: "Mirror", endpoint, auth: { type: "bearer", token: system.ours.apiKey }, skills: [{ id: "answer" }] },
  });
  const trpc = (name: string, input: object) => callTrpc(system.rest(), "mutation", name, input);
  const agent = await callTrpc(system.rest(), "query", "agent.get", { agentId });
  await trpc("agent.update", {
    agentId,
    config: { ...(at(agent, "data", "config") as object), peers: [{ peerId: String(at(made.body, "id")) }] },
  });
  await trpc("agent.deploy", { agentId });
  system.model.when(({ body, lastUserText }) => body.messages?.at(-1)?.role === "user" && lastUserText === "round", {
    toolCalls: [{ name: "call_mirror_answer", arguments: { input: "round" } }],
  });
  const round = async (metadata?: object) => {
    const before = system.model.journal.length;
    const sent = rawA2a(system, agentId).rpc("SendMessage", { message: message("round"), metadata });
    expect(stateOf(at(await result(sent), "task"))).toBe("TASK_STATE_COMPLETED");
    const asked = system.model.journal.slice(before).filter(({ body }) => body.messages?.at(-1)?.role === "user");
    const refused = system.model.journal
      .slice(before)
      .filter(({ body }) => JSON.stringify(body.messages?.at(-1)).includes("as many agents as it may"));
    return { turns: asked.length, refused: refused.length };
  };
  // The system may still see the deployment of before.
  await expect.poll(async () => (await round()).turns, PATIENCE).toBe(HOPS_MAX + 1);
  expect(await round({ hopsMax: 1 })).toEqual({ turns: 2, refused: 1 });
  expect(await round({ hopsMax: 0 })).toEqual({ turns: 1, refused: 1 });
  expect(await round({ hopsMax: 99 })).toEqual({ turns: HOPS_MAX + 1, refused: 1 });
  expect(await round({ hopsMax: "as many as you like" })).toEqual({ turns: HOPS_MAX + 1, refused: 1 });
});
