import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Log } from "@parley/domain";
import { createEgress } from "@parley/egress";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createDidIdentity } from "../did/did-identity.ts";
import { createHydra } from "./hydra.ts";
import { hydraFacts, hydraProblems, hydraSettings } from "./hydra-settings.ts";
import { createTokenProvider } from "./token-provider.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closing.splice(0)) await close();
});

interface Answer {
  status?: number;
  json?: unknown;
}

/** A server that says what the test says, and keeps what it was asked. */
async function start(answer: (asked: { method: string; url: string; body: string }, place: number) => Answer | Promise<Answer>) {
  const asked: { method: string; url: string; body: string }[] = [];
  const server = createServer((request, response) => void serve(request, response));
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    let body = "";
    for await (const piece of request) body += piece;
    const one = { method: request.method ?? "", url: request.url ?? "", body };
    const { status = 200, json = {} } = await answer(one, asked.push(one));
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json));
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const egress = createEgress({ allow: [host] });
  closing.push(
    () => egress.close(),
    () => server.closeAllConnections(),
    () => server.close(),
  );
  const tokens = createTokenProvider({ fetch: egress.fetch });
  const credentials = { tokenUrl: `http://${host}/oauth2/token`, clientId: "me", clientSecret: "s3cret&=", scope: "agent:read" };
  return { asked, host, egress, tokens, credentials };
}

const never = new AbortController().signal;

describe("a token", () => {
  test("is asked for as a form, once for all who want it, and kept", async () => {
    const { asked, tokens, credentials } = await start((_, place) => ({ json: { access_token: `t${place}`, expires_in: 3_600 } }));
    expect(await Promise.all([1, 2, 3].map(() => tokens.token(credentials, never)))).toEqual(["t1", "t1", "t1"]);
    expect(await tokens.token(credentials, never)).toBe("t1");
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toEqual({
      grant_type: "client_credentials",
      client_id: "me",
      client_secret: "s3cret&=",
      scope: "agent:read",
    });
    expect(await tokens.token({ ...credentials, scope: "" }, never)).toBe("t2");
    tokens.forget(credentials);
    expect(await tokens.token(credentials, never)).toBe("t3");
  });

  test("is replaced 30 s before its end", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    const { tokens, credentials } = await start((_, place) => ({ json: { access_token: `t${place}`, expires_in: 100 } }));
    expect(await tokens.token(credentials, never)).toBe("t1");
    vi.advanceTimersByTime(69_000);
    expect(await tokens.token(credentials, never)).toBe("t1");
    vi.advanceTimersByTime(2_000);
    expect(await tokens.token(credentials, never)).toBe("t2");
  });

  test("that one caller no longer waits for still comes to the others", async () => {
    const gate = Promise.withResolvers<Answer>();
    const { asked, tokens, credentials } = await start(() => gate.promise);
    const stop = new AbortController();
    const [left, stayed] = [tokens.token(credentials, stop.signal), tokens.token(credentials, never)];
    stop.abort(new Error("stopped"));
    await expect(left).rejects.toThrow("stopped");
    gate.resolve({ json: { access_token: "t" } });
    expect(await stayed).toBe("t");
    expect(asked).toHaveLength(1);
  });

  test.each<[string, Answer, string]>([
    ["a refusal of the client will not help again", { status: 401, json: { error: "invalid_client" } }, "egress_refused"],
    ["a server that is away may", { status: 503 }, "egress_failed"],
    ["no token is none", { json: {} }, "egress_failed"],
    ["another kind of token is none", { json: { access_token: "x", token_type: "mac" } }, "egress_failed"],
    ["a token that breaks a header is none", { json: { access_token: "a\r\nb" } }, "egress_failed"],
    ["an endless answer is none", { json: { access_token: "x".repeat(70_000) } }, "egress_failed"],
  ])("%s; nothing says the secret, and the next call asks again", async (_, answer, code) => {
    const { asked, tokens, credentials } = await start(() => answer);
    for (const round of [1, 2]) {
      const error = await tokens.token(credentials, never).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code });
      expect(JSON.stringify(error) + String(error) + String((error as { detail?: string }).detail)).not.toContain("s3cret");
      expect(asked).toHaveLength(round);
    }
  });
});

describe("Hydra", () => {
  const seed = Buffer.alloc(32, 3);
  const identity = createDidIdentity({ seed, author: "a", name: "g" });
  const warnings: unknown[] = [];
  const log = { warn: (facts: unknown) => warnings.push(facts) } as unknown as Log;

  async function hydraOver(answer: Parameters<typeof start>[0]) {
    const { asked, host, egress, tokens } = await start(answer);
    const facts = { adminUrl: `http://${host}`, tokenUrl: `http://${host}/token`, scope: "openid", hosts: ["peer.example:443"] };
    const hydra = createHydra({ facts, seed, identity, fetch: egress.fetch, tokens, log, now: () => 0, againMs: 5 });
    return { asked, hydra };
  }

  test("is told of us once, as what our DID is", async () => {
    let known = false;
    const { asked, hydra } = await hydraOver(({ method, url }) => {
      if (url === "/health/alive") return { status: 500 };
      if (method === "GET") return { status: known ? 200 : 404 };
      known = true;
      return { status: 201 };
    });
    expect(hydra.isDegraded()).toBe(true);
    await hydra.register(never);
    await hydra.register(never);
    expect(hydra.isDegraded()).toBe(false);
    const made = asked.filter(({ method }) => method === "POST");
    expect(made.map(({ url }) => url)).toEqual(["/admin/clients"]);
    expect(asked[1]?.url).toBe(`/admin/clients/${encodeURIComponent(identity.did)}`);
    expect(JSON.parse(made[0]?.body ?? "")).toMatchObject({
      client_id: identity.did,
      client_secret: "yemwKD_zf-FSFnavuzcUmTweXN-1dk43HpZPNjYOU8Q",
      grant_types: ["client_credentials"],
      token_endpoint_auth_method: "client_secret_post",
      metadata: { did: identity.did, public_key: identity.publicKey, hybrid_auth: true },
    });
  });

  test("that is away at the start is told later, and the gateway runs meanwhile", async () => {
    let isAway = true;
    const { hydra } = await hydraOver(() => ({ status: isAway ? 502 : 200 }));
    const registering = hydra.register(never);
    await vi.waitFor(() => expect(warnings.length).toBeGreaterThan(1), { timeout: 10_000 });
    expect(hydra.isDegraded()).toBe(true);
    isAway = false;
    await registering;
    expect(hydra.isDegraded()).toBe(false);
  });

  test("is given up when the gateway closes", async () => {
    const { hydra } = await hydraOver(() => ({ status: 502 }));
    const stop = new AbortController();
    const registering = hydra.register(stop.signal);
    stop.abort();
    await registering;
    expect(hydra.isDegraded()).toBe(true);
  });

  test("gives tokens for the hosts that may see them, and for no other", async () => {
    const { asked, hydra } = await hydraOver(() => ({ json: { access_token: "t", expires_in: 60 } }));
    expect(await hydra.token(new URL("https://peer.example/a2a"), never)).toBe("t");
    await expect(hydra.token(new URL("https://peer.example:8443/"), never)).rejects.toMatchObject({ code: "egress_refused" });
    await expect(hydra.token(new URL("https://thief.example/"), never)).rejects.toMatchObject({ code: "egress_refused" });
    expect(asked).toHaveLength(1);
  });

  test("settings are both addresses or neither, and need an identity", () => {
    const read = (given: Record<string, string>) => hydraSettings.parse(given);
    const both = {
      HYDRA_ADMIN_URL: "http://h:4445/",
      HYDRA_TOKEN_URL: "http://h:4444/oauth2/token",
      HYDRA_HOSTS: "a.example:443, b:1",
    };
    expect(hydraFacts(read({}))).toBeNull();
    expect(hydraProblems(read({}))).toEqual([]);
    expect(hydraFacts(read(both))).toMatchObject({ adminUrl: "http://h:4445", hosts: ["a.example:443", "b:1"] });
    expect(hydraProblems(read({ HYDRA_ADMIN_URL: "http://h" })).map(({ path }) => path)).toEqual(["HYDRA_TOKEN_URL", "DID_SEED"]);
    expect(hydraProblems(read({ HYDRA_TOKEN_URL: "http://h" })).map(({ path }) => path)).toEqual(["HYDRA_ADMIN_URL"]);
    expect(hydraProblems({ ...read(both), DID_SEED: new Uint8Array() })).toEqual([]);
    expect(() => read({ HYDRA_HOSTS: "*.example" })).toThrow();
  });
});
