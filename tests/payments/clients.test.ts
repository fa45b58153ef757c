import { randomBytes, randomUUID } from "node:crypto";
import { at, type RestAnswer, type System, startSystem } from "@parley/testkit";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const PATH = "/api/v1/gateway";

let system: System;
let sql: postgres.Sql;
beforeAll(async () => {
  system = await startSystem({
    apis: 2,
    env: { BILLING_DEV_FUNDING: "true", LIMIT_SOLD_CALLS_MAX: "100000", LIMIT_WALLET_CALLS_MAX: "100000" },
  });
  sql = postgres(system.ownerUrl, { max: 1, onnotice: () => undefined });
  await system.ours.newAgent();
});
afterAll(async () => {
  await sql?.end();
  await system?.close();
});

interface Session {
  sessionId: string;
  address: string;
}

async function open(): Promise<Session> {
  const address = `0x${randomBytes(20).toString("hex")}`;
  const answer = await system.rest().call("/api/wallet/sessions", { body: { address, deposit: "1.00" } });
  expect(answer.status).toBe(201);
  return { sessionId: String(at(answer.body, "session", "id")), address };
}

const headersOf = ({ sessionId, address }: Session) => ({ "x-session-id": sessionId, "x-wallet-address": address });
const call = (headers: Record<string, string>, body: object, api = 0): Promise<RestAnswer> =>
  system.rest(api).call(PATH, { body, headers });

async function stateOf(sessionId: string) {
  const [row] = await sql`select reserved_micros::int as reserved, spent_micros::int as spent from wallet_sessions where id = ${sessionId}`;
  return row;
}

describe.each([
  ["agent", { message: "Hi" }, "reply", 50_000],
  ["generate-text", { prompt: "Hi", model: "custom/scripted" }, "text", 10_000],
] as const)("a stream of %s", (plugin, body, member, price) => {
  const streaming = (session: Session) => ({
    ...headersOf(session),
    "x-plugin-id": plugin,
    accept: "text/event-stream",
  });
  /** Reads until something was told, and leaves. */
  async function leaveAfterFirst(headers: Record<string, string>): Promise<void> {
    const leaving = new AbortController();
    const response = await fetch(`${system.apis[0]?.url}${PATH}`, {
      method: "POST",
      headers: { "x-api-key": system.ours.apiKey, "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
      signal: leaving.signal,
    });
    let text = "";
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += piece;
      if (text.includes("event: token")) break;
    }
    leaving.abort();
  }
  const framesOf = (text: string) =>
    [...text.matchAll(/^event: (.*)\ndata: (.*)$/gm)].map(([, event = "", data = "null"]) => ({ event, data: JSON.parse(data) }));

  test("tells what is said as it comes, and ends with the whole envelope", async () => {
    const session = await open();
    system.model.script({ tokens: 6, delayMs: 60 });
    const answer = await call(streaming(session), body);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
    expect([answer.headers.get("x-plugin-id"), answer.headers.get("x-session-remaining")]).toEqual([
      plugin,
      `0.9${price === 10_000 ? 9 : 5}`,
    ]);
    const frames = framesOf(answer.text);
    const tokens = frames.filter(({ event }) => event === "token").map(({ data }) => data as { delta: string; accumulated: string });
    expect(tokens.length).toBeGreaterThan(1);
    let said = "";
    for (const { delta, accumulated } of tokens) {
      said += delta;
      expect(accumulated).toBe(said);
    }
    expect(said).toBe("t0 t1 t2 t3 t4 t5");
    expect(frames.at(-1)).toMatchObject({
      event: "done",
      data: { plugin, payment: { method: "session", receipt: answer.headers.get("payment-receipt") }, data: { [member]: said } },
    });
    expect(frames.at(-1)?.data.data.usage).toBeDefined();
    expect(await stateOf(session.sessionId)).toMatchObject({ spent: price, reserved: 0 });
  });

  test("whose client leaves in the middle is paid and ends; before anything was told it costs nothing", async () => {
    const session = await open();
    system.model.script({ tokens: 4_000, delayMs: 50 });
    const before = system.model.journal.length;
    await leaveAfterFirst(streaming(session));
    await expect.poll(() => stateOf(session.sessionId), { timeout: 10_000 }).toMatchObject({ spent: price, reserved: 0 });
    await expect.poll(() => system.model.journal[before]?.outcome, { timeout: 10_000 }).toBe("aborted");

    system.model.script({ hang: true });
    const leaving = new AbortController();
    const left = system.rest().call(PATH, { body, headers: streaming(session), signal: leaving.signal });
    await expect.poll(async () => (await stateOf(session.sessionId))?.["reserved"], { timeout: 10_000 }).toBe(price);
    leaving.abort();
    await expect(left).rejects.toThrow();
    await expect.poll(() => stateOf(session.sessionId), { timeout: 10_000 }).toMatchObject({ spent: price, reserved: 0 });
  });

  test("whose client has a key and leaves is done to its end, paid once, and told again", async () => {
    const session = await open();
    const headers = { ...streaming(session), "idempotency-key": randomUUID() };
    system.model.script({ tokens: 8, delayMs: 40 });
    const before = system.model.journal.length;
    await leaveAfterFirst(headers);
    const again = await call(headers, body, 1);
    expect(again).toMatchObject({ status: 200, body: { plugin, data: { [member]: "t0 t1 t2 t3 t4 t5 t6 t7" } } });
    expect(again.headers.get("payment-receipt")).toBe(
      `session:${session.sessionId}:${String(at(again.body, "payment", "receipt")).split(":")[2]}`,
    );
    expect(system.model.journal.length).toBe(before + 1);
    expect(await stateOf(session.sessionId)).toMatchObject({ spent: price, reserved: 0 });
  });

  test("whose model breaks off ends with the error, and costs nothing", async () => {
    const session = await open();
    const breaks = { tokens: 8, delayMs: 40, breaks: { afterChunks: 3, how: "error" as const, error: { message: "no", code: 400 } } };
    system.model.script(breaks);
    const frames = framesOf((await call(streaming(session), body)).text);
    expect(frames.filter(({ event }) => event === "token").length).toBeGreaterThan(0);
    expect(frames.at(-1)).toMatchObject({ event: "error", data: { error: expect.any(String), message: expect.any(String) } });
    expect(await stateOf(session.sessionId)).toMatchObject({ spent: 0, reserved: 0 });
  });
});
