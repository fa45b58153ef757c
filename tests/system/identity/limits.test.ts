import { type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let system: System;

beforeAll(async () => {
  const limits = { LIMIT_READ_CALLS_MAX: "20", LIMIT_ANONYMOUS_CALLS_MAX: "5", LIMIT_BAD_CREDENTIALS_MAX: "4" };
  system = await startSystem({ apis: 2, workers: 0, env: { ...limits, TRUSTED_PROXIES: "127.0.0.0/8" } });
}, 60_000);
afterAll(() => system.close());

/** A caller of its own, as the proxy before the gateway tells it. */
const from = (address: string) => ({ "x-forwarded-for": address });

test("two replicas share one window, each answer says what is left, and one call more is refused until the window ends", async () => {
  const { organizationId, newKey } = await system.newTenant("limits");
  expect(organizationId).toBeTruthy();
  const key = await newKey({ scopes: ["conversations:read"] });
  const statuses: number[] = [];
  for (let call = 0; call < 30; call++) statuses.push((await system.rest(call % 2, key).call("/v1/tasks")).status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(20);
  expect(statuses.filter((status) => status === 429)).toHaveLength(10);

  const { status, headers, body } = await system.rest(0, key).call("/v1/tasks");
  expect([status, body]).toEqual([429, { detail: "Too many requests; try again later." }]);
  expect(headers.get("ratelimit-policy")).toBe("20;w=60");
  expect([headers.get("ratelimit-limit"), headers.get("ratelimit-remaining")]).toEqual(["20", "0"]);
  expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
  expect(headers.get("ratelimit-reset")).toBe(headers.get("retry-after"));

  // The same credential through another door has no window of its own; another credential has.
  const trpc = await system.rest(1, key).call("/trpc/execution.list");
  expect([trpc.status, trpc.headers.get("retry-after")]).toEqual([429, expect.stringMatching(/^\d+$/)]);
  expect((await system.rest(0).call("/v1/tasks")).headers.get("ratelimit-remaining")).toBe("19");
});

test("a window is let through to its last call, whichever replica had some of it in hand", async () => {
  const { newKey } = await system.newTenant("in-hand");
  const key = await newKey({ scopes: ["conversations:read"] });
  const statuses: number[] = [];
  // The first replica is given more than the one call that it gets.
  for (const replica of [0, ...Array<number>(21).fill(1), 0]) statuses.push((await system.rest(replica, key).call("/v1/tasks")).status);
  expect(statuses).toEqual([...Array<number>(20).fill(200), 429, 429, 429]);
});

test("each call of a batch counts", async () => {
  const { newKey } = await system.newTenant("batches");
  const rest = system.rest(0, await newKey({ scopes: ["conversations:read"] }));
  const batch = (calls: number) => `/trpc/${Array.from({ length: calls }, () => "system.whoami").join(",")}?batch=1&input={}`;
  expect((await rest.call(batch(19))).status).toBe(200);
  expect((await rest.call("/v1/tasks")).headers.get("ratelimit-remaining")).toBe("0");
  expect((await rest.call("/v1/tasks")).status).toBe(429);
});

test("without a credential an address is counted, wherever it knocks, and health is not", async () => {
  const rest = (api: number) => system.rest(api, null);
  const paths = ["/v1/tasks", "/nowhere", "/trpc/system.whoami"];
  const statuses: number[] = [];
  for (let call = 0; call < 7; call++) {
    statuses.push((await rest(call % 2).call(paths[call % 3] ?? "", { headers: from("203.0.113.1") })).status);
  }
  expect(statuses).toEqual([401, 404, 401, 401, 404, 429, 429]);
  for (let call = 0; call < 20; call++) expect((await rest(0).call("/health", { headers: from("203.0.113.1") })).status).toBe(200);
  expect((await rest(0).call("/nowhere", { headers: from("203.0.113.2") })).status).toBe(404);
});

test("an address with too many bad credentials is locked on every replica, but for a credential that is known to be good", async () => {
  const { newKey } = await system.newTenant("lock");
  const known = await newKey({ scopes: ["conversations:read"] });
  const fresh = await newKey({ scopes: ["conversations:read"] });
  const headers = from("203.0.113.7");
  const asking = async (api: number, key: string) => (await system.rest(api, key).call("/v1/tasks", { headers })).status;
  expect(await asking(0, known)).toBe(200);
  const bad = `agw_${"x".repeat(43)}`;
  const statuses: number[] = [];
  for (let call = 0; call < 4; call++) statuses.push(await asking(0, bad));
  expect(statuses).toEqual([401, 401, 401, 401]);
  expect([await asking(0, bad), await asking(0, fresh), await asking(0, known)]).toEqual([429, 429, 200]);
  // The other replica hears of it with the first bad credential that it gets.
  expect([await asking(1, bad), await asking(1, fresh)]).toEqual([401, 429]);
  const secret = { "x-admin-secret": system.adminSecret };
  const organization = { body: { name: "locked" }, headers: { ...headers, ...secret } };
  expect((await system.rest(0, null).call("/admin/organizations", organization)).status).toBe(429);
  expect((await system.rest(0, null).call("/admin/organizations", { ...organization, headers: secret })).status).toBe(201);
});
