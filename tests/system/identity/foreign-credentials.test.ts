import { readFileSync } from "node:fs";
import { request } from "node:https";
import { type Issuer, makeCertificates, type System, startIssuer, startReplica, startSystem, type TestCertificates } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let issuer: Issuer;
let certificates: TestCertificates;
let system: System;
beforeAll(async () => {
  issuer = await startIssuer();
  certificates = makeCertificates();
  system = await startSystem({
    workers: 0,
    env: { JWT_ISSUER: issuer.url, JWT_AUDIENCE: "parley", JWT_JWKS_URL: issuer.jwksUrl, EGRESS_ALLOW: issuer.host },
  });
}, 60_000);
afterAll(async () => {
  await system.close();
  certificates.remove();
  await issuer[Symbol.asyncDispose]();
});

test("a token of the trusted issuer is let in with its scopes, into its organization and no other", async () => {
  const { organizationId } = system.ours;
  const token = issuer.token({ organization_id: organizationId, scope: "conversations:read" });
  const bearer = system.rest(0, null);
  const headers = { authorization: `Bearer ${token}` };
  expect((await bearer.call("/trpc/system.whoami", { headers })).body).toMatchObject({
    result: { data: { organizationId, principalId: "sub:user-1", scopes: ["conversations:read"] } },
  });
  expect((await bearer.call("/v1/tasks", { headers })).status).toBe(200);
  expect((await bearer.call("/trpc/agent.list", { headers })).status).toBe(403);
  const foreign = { authorization: `Bearer ${issuer.token({ organization_id: "0198b2f0-0000-7000-8000-000000000001" })}` };
  expect((await bearer.call("/v1/tasks", { headers: foreign })).status).toBe(401);
});

test("a session begun with such a token lasts no longer than it", async () => {
  const exp = Math.floor(Date.now() / 1_000) + 50;
  const token = issuer.token({ organization_id: system.ours.organizationId, scope: "conversations:read", exp });
  const made = await system.rest(0, null).call("/api/session", { method: "POST", headers: { authorization: `Bearer ${token}` } });
  expect(made.status).toBe(201);
  const { expires_at: expiresAt } = made.body as { expires_at: string };
  // 30 s is the tolerance between clocks.
  expect(Date.parse(expiresAt)).toBe((exp + 30) * 1_000);
  const cookie = made.headers.get("set-cookie")?.split(";", 1)[0] ?? "";
  expect((await system.rest(0, null).call("/v1/tasks", { headers: { cookie } })).status).toBe(200);
});

interface Asking {
  files?: { certificate: string; key: string };
  method?: string;
  headers?: Record<string, string>;
}

/** Asks over TLS; the status and headers, or why there was no answer. */
const ask = (url: string, path: string, { files, method = "GET", headers = {} }: Asking) =>
  new Promise<{ status: number | string; hsts: string | undefined }>((resolve) => {
    const ca = readFileSync(certificates.authority.certificate);
    const own = files ? { cert: readFileSync(files.certificate), key: readFileSync(files.key) } : {};
    const asked = request(`${url}${path}`, { ca, ...own, method, headers, agent: false }, (answer) => {
      answer.resume();
      resolve({ status: answer.statusCode ?? 0, hsts: answer.headers["strict-transport-security"] });
    });
    asked.on("error", (error: NodeJS.ErrnoException) => resolve({ status: error.code ?? error.message, hsts: undefined }));
    asked.end();
  });

test("with an authority, only clients with a certificate of its making get in, each with what the setting gives it", async () => {
  const { server, authority, client, stranger } = certificates;
  const principals = { "CN=billing": { organization_id: system.ours.organizationId, scopes: ["conversations:read"] } };
  const api = await startReplica("api", {
    ...system.environment,
    TLS_CERT_FILE: server.certificate,
    TLS_KEY_FILE: server.key,
    TLS_CA_FILE: authority.certificate,
    TLS_CLIENT_PRINCIPALS: JSON.stringify(principals),
  });
  try {
    expect(api.url).toMatch(/^https:/);
    expect(await ask(api.url, "/v1/tasks", { files: client })).toEqual({ status: 200, hsts: "max-age=31536000; includeSubDomains" });
    expect((await ask(api.url, "/trpc/agent.list", { files: client })).status).toBe(403);
    for (const files of [stranger, undefined]) {
      expect((await ask(api.url, "/health", files ? { files } : {})).status).toMatch(/ECONN|ERR_SSL|EPIPE/);
    }
    // A browser shows its certificate for any page that asks.
    const logIn = (headers: Record<string, string>) => ask(api.url, "/api/session", { files: client, method: "POST", headers });
    expect((await logIn({})).status).toBe(201);
    expect((await logIn({ origin: "https://evil.example.com" })).status).toBe(403);
  } finally {
    await api.close();
  }
});

test("with files that are no good the api does not start, and says all that is wrong with them", async () => {
  const { server, client } = certificates;
  const files = { TLS_CERT_FILE: server.certificate, TLS_KEY_FILE: client.key, TLS_CA_FILE: "/nowhere/ca.pem" };
  await expect(startReplica("api", { ...system.environment, ...files })).rejects.toThrow(/\/nowhere\/ca.pem cannot be read/);
  const alone = { TLS_KEY_FILE: client.key, TLS_CLIENT_PRINCIPALS: '{"CN=x": {"scopes": []}}' };
  await expect(startReplica("api", { ...system.environment, ...alone })).rejects.toThrow(/TLS_CLIENT_PRINCIPALS/);
});
