import { request } from "node:http";
import { at, type RestAnswer, type RestRequest, type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";

let system: System;
beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 0, env: { TRUSTED_PROXIES: "127.0.0.1", LIMIT_SESSION_IDLE_SECONDS: "20" } });
}, 60_000);
afterAll(() => system.close());

interface Browser {
  cookie: string;
  csrf: string;
  id: string;
  call(path: string, request?: RestRequest, api?: number): Promise<RestAnswer>;
}

/** Logs in with a key; what it then sends is the cookie alone, and whatever a test adds. */
async function logIn(apiKey = system.ours.apiKey, headers: Record<string, string> = {}): Promise<Browser & { setCookie: string }> {
  const answer = await system.rest(0, apiKey).call("/api/session", { body: { name: "Test" }, headers });
  expect(answer.status).toBe(201);
  const setCookie = answer.headers.get("set-cookie") ?? "";
  const cookie = setCookie.split(";", 1)[0] ?? "";
  return {
    setCookie,
    cookie,
    csrf: String(at(answer.body, "csrf_token")),
    id: String(at(answer.body, "id")),
    call: (path, sent = {}, api = 0) => system.rest(api, null).call(path, { ...sent, headers: { cookie, ...sent.headers } }),
  };
}

const makeAgent = (browser: Browser, headers: Record<string, string>) =>
  browser.call("/trpc/agent.create", { body: { name: "Agent" }, headers });

test("a cookie lets in on every replica, tells who it is, and no script or other site gets at it", async () => {
  const browser = await logIn();
  expect(browser.setCookie).toMatch(/^parley_session=ags_[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=604800$/);
  for (const api of [0, 1]) expect((await browser.call("/v1/tasks", {}, api)).status).toBe(200);
  const current = await browser.call("/api/session", {}, 1);
  expect(current.body).toMatchObject({ id: browser.id, organization_id: system.ours.organizationId, csrf_token: browser.csrf });
});

test("behind a proxy with TLS the cookie is bound to the host and to TLS, and a plain one is not taken", async () => {
  const tls = { "x-forwarded-proto": "https" };
  const browser = await logIn(system.ours.apiKey, tls);
  expect(browser.setCookie).toMatch(/^__Host-parley_session=ags_[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=604800; Secure$/);
  expect((await browser.call("/v1/tasks", { headers: tls })).status).toBe(200);
  expect((await browser.call("/v1/tasks")).status).toBe(401);
  expect((await system.rest(0, null).call("/api/session")).body).toEqual({ error: "Unauthorized" });
  const plain = await logIn();
  expect((await plain.call("/v1/tasks", { headers: tls })).status).toBe(401);
});

describe("what changes something", () => {
  test("asks for the session's CSRF token, which another session's is not", async () => {
    const [browser, other] = [await logIn(), await logIn()];
    for (const headers of [{}, { "x-csrf-token": "" }, { "x-csrf-token": other.csrf }, { "sec-fetch-site": "same-origin" }]) {
      const refused = await makeAgent(browser, headers);
      expect([refused.status, at(refused.body, "error", "data", "code")]).toEqual([403, "csrf_refused"]);
    }
    expect((await makeAgent(browser, { "x-csrf-token": browser.csrf })).status).toBe(200);
  });

  test("is refused to a page of another origin, whatever it knows", async () => {
    const browser = await logIn();
    const knowing = { "x-csrf-token": browser.csrf };
    expect((await makeAgent(browser, { ...knowing, origin: "https://evil.example.com" })).status).toBe(403);
    expect((await makeAgent(browser, { ...knowing, origin: "null" })).status).toBe(403);
    expect((await makeAgent(browser, { ...knowing, origin: system.apis[0]?.url ?? "" })).status).toBe(200);
  });

  test("over an event source is let through from the gateway's own pages alone", async () => {
    const { cookie } = await logIn();
    const agentId = await system.ours.newAgent();
    const input = encodeURIComponent(JSON.stringify({ agentId, text: "Hello", idempotencyKey: "k" }));
    const bodyOf = async (site: string): Promise<string> => {
      const leaving = new AbortController();
      const { hostname, port } = new URL(system.apis[0]?.url ?? "");
      return new Promise((resolve, reject) => {
        const headers = { cookie, "sec-fetch-site": site };
        const asked = request({ hostname, port, path: `/trpc/turn.stream?input=${input}`, headers, signal: leaving.signal }, (answer) => {
          let text = "";
          answer.on("data", (bytes) => {
            text += String(bytes);
            if (!/submitted|csrf_refused/.test(text)) return;
            resolve(text);
            answer.destroy();
          });
        });
        asked.on("error", reject).end();
      });
    };
    expect(await bodyOf("cross-site")).toContain("csrf_refused");
    expect(await bodyOf("none")).toContain("csrf_refused");
    expect(await bodyOf("same-origin")).toContain("submitted");
  });

  test("with a key or a ticket's credential needs none of it", async () => {
    const made = await system
      .rest()
      .call("/trpc/agent.create", { body: { name: "Agent" }, headers: { origin: "https://elsewhere.example" } });
    expect(made.status).toBe(200);
  });
});

test("a WebSocket with the cookie is opened for the gateway's own pages alone", async () => {
  const { cookie } = await logIn();
  const { url } = system.apis[0] ?? { url: "" };
  const asking = (origin: string) =>
    new Promise<string>((resolve) => {
      const socket = new WebSocket(`${url.replace("http", "ws")}/trpc`, { origin, headers: { cookie } });
      socket.on("open", () => socket.send(JSON.stringify({ id: 1, method: "query", params: { path: "system.whoami" } })));
      socket.on("error", (error) => resolve(error.message));
      socket.on("message", (data) => {
        resolve(String(at(JSON.parse(String(data)), "error", "data", "code") ?? "in"));
        socket.terminate();
      });
    });
  expect(await asking("https://evil.example.com")).toContain("403");
  expect(await asking(url)).toBe("in");
});

test("sessions are listed to their owner, end by logging out, by revoking and with their key", async () => {
  const { newKey } = await system.newTenant("sessions");
  const [mine, theirs] = [await newKey({ scopes: ["conversations:read"] }), await newKey({ scopes: ["admin", "conversations:read"] })];
  const [first, second, third] = [await logIn(mine), await logIn(mine), await logIn(theirs)];
  const idsOf = async (browser: Browser) =>
    (at((await browser.call("/api/sessions")).body, "sessions") as { id: string }[]).map(({ id }) => id);
  expect(await idsOf(first)).toEqual([second.id, first.id]);
  expect((await idsOf(third)).sort()).toEqual([first.id, second.id, third.id].sort());

  const end = (browser: Browser, id: string) =>
    browser.call(`/api/sessions/${id}`, { method: "DELETE", headers: { "x-csrf-token": browser.csrf } });
  expect((await end(first, third.id)).status).toBe(404);
  const loggedOut = await end(first, "current");
  expect([loggedOut.status, loggedOut.headers.get("set-cookie")]).toEqual([200, expect.stringContaining("Max-Age=0")]);
  expect((await first.call("/v1/tasks")).status).toBe(401);

  expect((await end(third, second.id)).status).toBe(200);
  await expect.poll(async () => (await second.call("/v1/tasks", {}, 1)).status, { timeout: 5_000 }).toBe(401);

  const operator = { headers: { "x-admin-secret": system.adminSecret } };
  const who = await third.call("/api/session");
  const where = `/admin/api-keys/${String(at(who.body, "principal_id"))}?organization_id=${String(at(who.body, "organization_id"))}`;
  expect((await system.rest(0, null).call(where, { method: "DELETE", ...operator })).status).toBe(200);
  await expect.poll(async () => (await third.call("/v1/tasks", {}, 1)).status, { timeout: 5_000 }).toBe(401);
});

test("a session to which nobody comes ends, and the database holds no token", async () => {
  const browser = await logIn();
  const postgres = (await import("postgres")).default;
  const owner = postgres(system.ownerUrl, { max: 1 });
  try {
    const rows = await owner`select s::text as row from sessions s`;
    expect(rows.map(({ row }) => row).join("\n")).not.toContain(browser.cookie.split("ags_")[1]);
    await owner`update sessions set seen_at = now() - interval '21 seconds' where id = ${browser.id}`;
  } finally {
    await owner.end();
  }
  await expect.poll(async () => (await browser.call("/v1/tasks")).status, { timeout: 5_000 }).toBe(401);
});
