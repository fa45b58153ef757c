import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { startTestApi, type TestApi } from "./testing/test-api.ts";

const APP = "https://app.example.com";
const OTHER = "https://evil.example.com";

let open: TestApi;
let closed: TestApi;
beforeAll(async () => {
  [open, closed] = await Promise.all([startTestApi({ origins: { cors: [APP], sockets: [APP] } }), startTestApi()]);
});
afterAll(() => Promise.all([open.close(), closed.close()]));

const ask = (api: TestApi, path: string, headers: Record<string, string>, method = "GET") =>
  fetch(`${api.url}${path}`, { method, headers, redirect: "manual" });

const preflight = (api: TestApi, path: string, origin: string, asked = "authorization, content-type, x-stainless-os") =>
  ask(api, path, { origin, "access-control-request-method": "POST", "access-control-request-headers": asked }, "OPTIONS");

describe("pages of other origins", () => {
  test("are told nothing where none is listed", async () => {
    const response = await preflight(closed, "/v1/tasks", APP);
    expect([response.status, response.headers.get("access-control-allow-origin"), response.headers.get("vary")]).toEqual([405, null, null]);
  });

  test.each(["/v1/tasks", "/trpc/turn.submit", "/v1/chat/completions", "/api/chat"])(
    "that are listed may ask %s, and are answered before anything is asked of the caller",
    async (path) => {
      const response = await preflight(open, path, APP);
      expect(response.status).toBe(204);
      expect(response.headers.get("access-control-allow-origin")).toBe(APP);
      expect(response.headers.get("access-control-allow-headers")).toBe("authorization, content-type, x-stainless-os");
      expect(response.headers.get("access-control-allow-methods")).toContain("DELETE");
      expect(response.headers.get("access-control-max-age")).toBe("3600");
      expect(response.headers.get("access-control-allow-credentials")).toBeNull();
    },
  );

  test("that are listed may read answers, refusals too, and their headers", async () => {
    const response = await ask(open, "/v1/tasks", { origin: APP });
    expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([401, APP]);
    expect(response.headers.get("access-control-expose-headers")).toContain("ratelimit-remaining");
    expect(response.headers.get("vary")).toContain("origin");
  });

  test("that are not listed may read nothing", async () => {
    for (const origin of [OTHER, "null", `${APP}.evil.com`]) {
      expect((await ask(open, "/health", { origin })).headers.get("access-control-allow-origin")).toBeNull();
    }
  });

  test("cannot have a header of their own making echoed", async () => {
    expect((await preflight(open, "/v1/tasks", APP, "a b, c:d")).headers.get("access-control-allow-headers")).toBe(
      "Authorization, Content-Type",
    );
  });
});

describe("a WebSocket", () => {
  const opening = (api: TestApi, origin?: string) =>
    new Promise<string>((resolve) => {
      const socket = new WebSocket(`${api.url.replace("http", "ws")}/trpc`, origin === undefined ? {} : { origin });
      socket.on("open", () => resolve("open"));
      socket.on("open", () => socket.terminate());
      socket.on("error", (error) => resolve(error.message));
    });

  test("may be opened by what is no browser, by the gateway's own pages, and by listed ones", async () => {
    expect([await opening(open), await opening(open, open.url), await opening(open, APP)]).toEqual(["open", "open", "open"]);
  });

  test.each([OTHER, "null", "http://127.0.0.1:1"])("is refused to %s before the handshake", async (origin) => {
    expect(await opening(open, origin)).toContain("403");
  });

  test("is refused to every other page where none is listed", async () => {
    expect(await opening(closed, APP)).toContain("403");
  });
});

test("/ leads to the dashboard, and what the dashboard does not have is not found", async () => {
  const home = await ask(closed, "/", {});
  expect([home.status, home.headers.get("location")]).toEqual([302, "/app/"]);
  const page = await ask(closed, "/app/index.html", {});
  expect([page.status, page.headers.get("content-type")]).toEqual([404, "application/json; charset=utf-8"]);
});

test("every answer bears the security headers, and HSTS only over TLS", async () => {
  const { headers } = await ask(closed, "/health", {});
  expect(Object.fromEntries(headers)).toMatchObject({
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none';frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
  });
  expect(headers.get("strict-transport-security")).toBeNull();
});
