import { at, createRestClient, type RestAnswer, type System, startReplica, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callTrpc } from "../system/support/call-trpc.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 0 });
});
afterAll(() => system?.close());

/** Nothing of it is sold: it is counted before anything else. */
const sold = (url: string, apiKey: string): Promise<RestAnswer> =>
  createRestClient(url, apiKey).call("/api/v1/gateway", { body: {}, headers: { "x-plugin-id": "nothing" } });
const looked = (url: string, apiKey: string): Promise<RestAnswer> =>
  createRestClient(url, apiKey).call(`/api/wallet/sessions?address=0x${"a".repeat(40)}`);

test("calls about wallets of a typed client are among them", async () => {
  const { apiKey } = await system.newTenant("typed");
  const rest = createRestClient(system.apis[0]?.url ?? "", apiKey);
  const typed = () => callTrpc(rest, "query", "wallet.list", { address: `0x${"a".repeat(40)}` });
  const answers = await Promise.all(Array.from({ length: 125 }, typed));
  expect(answers.filter(({ ok }) => !ok).map((answer) => ("status" in answer ? answer.status : null))).toEqual(Array(5).fill(429));
});

describe.each([
  ["calls that are sold", sold, 100, 502],
  ["calls about wallets", looked, 120, 200],
] as const)("%s", (_what, ask, most, usual) => {
  const urlOf = (api: number): string => system.apis[api]?.url ?? "";
  const countsOf = (answers: RestAnswer[]) => ({
    let: answers.filter(({ status }) => status === usual).length,
    refused: answers.filter(({ status }) => status === 429).length,
  });

  test(`are ${most} a minute of one key and not one more, of the other process neither; another key has its own`, async () => {
    const { apiKey } = await system.newTenant("counted");
    const answers = await Promise.all(Array.from({ length: most + 15 }, () => ask(urlOf(0), apiKey)));
    expect(countsOf(answers)).toEqual({ let: most, refused: 15 });
    const refused = await ask(urlOf(1), apiKey);
    expect([refused.status, at(refused.body, "error")]).toEqual([429, expect.any(String)]);
    // Which limit that is, in words and in the head.
    expect(refused.text).toContain(`At most ${most} calls ${ask === sold ? "of plugins" : "about wallets"} with this key within 60 s.`);
    expect(["limit", "remaining"].map((part) => refused.headers.get(`ratelimit-${part}`))).toEqual([String(most), "0"]);
    const waitSeconds = Number(refused.headers.get("retry-after"));
    expect(waitSeconds).toBeGreaterThan(0);
    expect(waitSeconds).toBeLessThanOrEqual(60);
    expect((await ask(urlOf(0), (await system.newTenant("another")).apiKey)).status).toBe(usual);
  });

  test("are never more where two processes are asked at once, and less only by what each has not given yet", async () => {
    const { apiKey } = await system.newTenant("two");
    const { let: given } = countsOf(await Promise.all(Array.from({ length: most + 60 }, (_, index) => ask(urlOf(index % 2), apiKey))));
    expect(given).toBeLessThanOrEqual(most);
    expect(given).toBeGreaterThan(most / 2);
  });
});

test("both are as many as the settings say", async () => {
  const env = { ...system.environment, LIMIT_SOLD_CALLS_MAX: "3", LIMIT_WALLET_CALLS_MAX: "5" };
  const door = await startReplica("api", env);
  try {
    const { apiKey } = await system.newTenant("few");
    const told = async (count: number, ask: typeof sold) => {
      const statuses: number[] = [];
      for (let index = 0; index < count; index++) statuses.push((await ask(door.url, apiKey)).status);
      return statuses;
    };
    expect(await told(4, sold)).toEqual([502, 502, 502, 429]);
    expect(await told(6, looked)).toEqual([200, 200, 200, 200, 200, 429]);
  } finally {
    await door.close();
  }
});
