import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { at, startIssuer, startOpenclawServer, startPeerServer, startS3Server, startSystem, startToolServer } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

const TRAP = import.meta.resolve("@parley/testkit/trap-sockets");

interface Opened {
  to: string;
  byEgress: boolean;
  stack?: string;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-sockets-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const opened = async (file: string): Promise<Opened[]> =>
  (await readFile(file, "utf8"))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Opened);

test("every connection of api and worker that leads elsewhere than to Postgres and Redis was opened by the egress", async () => {
  const file = join(folder, "system");
  await writeFile(file, "");
  await using opening = new AsyncDisposableStack();
  const issuer = await startIssuer();
  opening.use(issuer);
  const [s3, hydra, peer, claw] = await Promise.all([
    startS3Server(),
    startToolServer(),
    startPeerServer({ manner: "signs" }),
    startOpenclawServer(),
  ]);
  for (const server of [s3, hydra, peer, claw]) opening.defer(() => server.close());
  hydra.otherwise(({ path }) => (path === "/oauth2/token" ? { body: { access_token: "hydra-token", expires_in: 3_600 } } : {}));
  const system = await startSystem({
    allow: [issuer.host, s3.host, hydra.host, peer.host, claw.host],
    env: {
      SOCKET_TRAP_FILE: file,
      ...{ JWT_ISSUER: issuer.url, JWT_AUDIENCE: "parley", JWT_JWKS_URL: issuer.jwksUrl },
      ...{ MEDIA_S3_BUCKET: s3.bucket, MEDIA_S3_ENDPOINT: s3.url, MEDIA_S3_REGION: s3.region },
      ...{ MEDIA_S3_ACCESS_KEY_ID: s3.accessKeyId, MEDIA_S3_SECRET_ACCESS_KEY: s3.secretAccessKey },
      ...{ DID_SEED: Buffer.alloc(32, 8).toString("base64"), DID_AUTHOR: "a@b.example", DID_NAME: "gate" },
      ...{ HYDRA_ADMIN_URL: hydra.url, HYDRA_TOKEN_URL: `${hydra.url}/oauth2/token`, HYDRA_HOSTS: peer.host },
    },
  });
  opening.defer(() => system.close());
  const { organizationId } = system.ours;
  const rest = system.rest();
  const trpc = async (path: string, body: object): Promise<unknown> => {
    const answer = await rest.call(`/trpc/${path}`, { body });
    expect([path, answer.status, answer.status === 200 ? "" : answer.text]).toEqual([path, 200, ""]);
    return at(answer.body, "result", "data");
  };

  // Somebody whose token another issuer has signed; a file in the bucket; a webhook's endpoint; a peer that signs, called with a signature and Hydra's token.
  const stranger = issuer.token({ organization_id: organizationId, scope: "conversations:read" });
  expect((await system.rest(0, stranger).call("/v1/tasks")).status).toBe(200);
  const uploaded = await rest.call("/media", {
    body: Buffer.from("a page"),
    headers: { "content-type": "text/plain", "x-filename": "a.txt" },
  });
  expect(uploaded.status).toBe(201);
  const webhook = `${system.tools.url}/webhook`;
  await trpc("webhook.create", { url: webhook, events: ["turn.completed"] });
  const trust = { verifyDid: true, policy: "strict", onBadSignature: "report" };
  const skills = [{ id: "do", description: "Does it." }];
  const made = await trpc("peer.create", { name: "Signer", endpoint: peer.url, auth: { type: "did_signed" }, trust, skills });
  const agentId = await system.ours.newAgent({
    tools: [{ name: "look", url: `${system.tools.url}/look` }],
    peers: [{ peerId: String(at(made, "id")) as never }],
  });
  system.model.script(
    { toolCalls: [{ name: "look", arguments: {} }] },
    { toolCalls: [{ name: "call_signer_do", arguments: { input: "sign this" } }] },
    { text: ["all seen"] },
  );
  const files = [`media:${String(at(uploaded.body, "id"))}`];
  const turn = await rest.call(`/v1/agents/${agentId}/gateway/invoke`, { body: { input: { text: "Do all of it", files } } });
  expect([turn.status, at(turn.body, "result")]).toEqual([200, "all seen"]);
  // A socket to an OpenClaw gateway, of a worker that sends and of the api that looks.
  const bearer = { type: "bearer", token: "openclaw-token" };
  const gateway = await trpc("peer.create", { name: "Claw", protocol: "openclaw", endpoint: claw.url, auth: bearer });
  const relay = await system.ours.newAgent({ relayTo: String(at(gateway, "id")) as never });
  const chatted = await rest.call("/api/gateway/chat", { body: { message: "Hello", agentId: relay } });
  expect([chatted.status, at(chatted.body, "reply")]).toEqual([200, "You said: Hello"]);
  expect((await rest.call(`/api/gateway/status?agentId=${relay}`)).body).toMatchObject({ health: "healthy", cron: { available: true } });
  const direct = { model: "custom/scripted", messages: [{ role: "user", content: "hi" }] };
  expect((await rest.call("/v1/chat/completions", { body: direct })).status).toBe(200);
  await expect.poll(() => system.tools.journal.some(({ path }) => path === "/webhook"), { timeout: 20_000 }).toBe(true);

  // All of it went out.
  expect(system.tools.journal.map(({ path }) => path)).toContain("/look");
  expect(issuer.asked()).toBeGreaterThan(0);
  expect(s3.objects.size).toBe(1);
  expect(peer.messageIds()).toHaveLength(1);
  expect(peer.journal.find(({ messageId }) => messageId !== null)?.headers).toMatchObject({
    authorization: "Bearer hydra-token",
    "x-did": expect.stringMatching(/^did:bindu:/),
  });
  expect(peer.journal.map(({ method }) => method)).toContain("POST /did/resolve");
  expect(hydra.journal.map(({ path }) => path)).toEqual(expect.arrayContaining(["/health/alive", "/oauth2/token"]));

  const places = (...names: string[]): string[] => names.map((name) => new URL(system.environment[name] ?? "").host);
  const ours = new Set(places("DATABASE_URL", "DATABASE_SWEEP_URL", "REDIS_URL"));
  const sockets = await opened(file);
  expect(sockets.filter(({ to, byEgress }) => !byEgress && !ours.has(to))).toEqual([]);
  const out = new Set(sockets.filter(({ byEgress }) => byEgress).map(({ to }) => to));
  expect(out).toEqual(new Set([system.model.host, system.tools.host, issuer.host, s3.host, hydra.host, peer.host, claw.host]));
  // What is nobody's business here is seen, too: the trap was set in both.
  expect(new Set(sockets.filter(({ byEgress }) => !byEgress).map(({ to }) => to))).toEqual(ours);
});

test("the trap that every process under test runs in sees and refuses a socket that goes around the egress, however it is opened", async () => {
  const server = createServer((_request, response) => response.end("x"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const ways = [
    `await fetch("http://127.0.0.1:${port}")`,
    `const { get } = await import("node:http"); await new Promise((done) => get("http://127.0.0.1:${port}", done))`,
    `const { connect } = await import("node:net"); await new Promise((done) => connect(${port}, "127.0.0.1", done))`,
    `const { connect } = await import("node:tls"); await new Promise((done) => connect(${port}, "127.0.0.1").on("error", done))`,
  ];
  try {
    for (const [index, way] of ways.entries()) {
      const file = join(folder, `way-${index}`);
      const child = spawn(process.execPath, ["--input-type=module", "-e", `${way}; process.exit(0)`], {
        env: { PATH: process.env["PATH"], NODE_OPTIONS: `--import ${TRAP}`, SOCKET_TRAP_FILE: file },
        stdio: ["ignore", "ignore", "pipe"],
      });
      const said = text(child.stderr);
      await once(child, "exit");
      expect([way, await opened(file)]).toMatchObject([way, [{ to: `127.0.0.1:${port}`, byEgress: false }]]);
      expect(await said).toContain(`This connection to 127.0.0.1:${port} goes around the egress.`);
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
