import { randomBytes, randomUUID } from "node:crypto";
import { voucherTypedData } from "@parley/payments";
import { at, type RestAnswer, type System, startSystem } from "@parley/testkit";
import postgres from "postgres";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const CHAIN_ID = 42_431;
const PATH = "/api/v1/gateway";
/** Nobody serves them: they are refused before anybody would. */
const NOWHERE = { url: "http://127.0.0.1:9/" };

let system: System;
let sql: postgres.Sql;
beforeAll(async () => {
  system = await startSystem({
    apis: 2,
    env: {
      BILLING_DEV_FUNDING: "true",
      PAYMENTS_CHAIN_ID: String(CHAIN_ID),
      PAYMENTS_PLUGINS: JSON.stringify({ closed: { ...NOWHERE, auth: true }, unpriced: NOWHERE, stt: null }),
      LIMIT_SOLD_CALLS_MAX: "100000",
      LIMIT_WALLET_CALLS_MAX: "100000",
      LIMIT_HOLD_BEGIN_MS: "1000",
    },
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

async function open(address = `0x${randomBytes(20).toString("hex")}`): Promise<Session> {
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
    // As the model has counted: prompt, answer, both.
    expect(Object.values(frames.at(-1)?.data.data.usage)).toEqual([8, 6, 14]);
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
    const asked = system.model.journal.length;
    const leaving = new AbortController();
    const left = system.rest().call(PATH, { body, headers: streaming(session), signal: leaving.signal });
    await expect.poll(async () => (await stateOf(session.sessionId))?.["reserved"], { timeout: 10_000 }).toBe(price);
    // Else the next one to ask would be left hanging.
    await expect.poll(() => system.model.journal.length, { timeout: 10_000 }).toBe(asked + 1);
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
    const told = { error: expect.any(String), message: expect.any(String), payment: null };
    expect(frames.at(-1)).toMatchObject({ event: "error", data: told });
    expect(await stateOf(session.sessionId)).toMatchObject({ spent: 0, reserved: 0 });
  });
});

describe("a refusal", () => {
  type Asked = [headers: Record<string, string>, body?: object, key?: string | null];
  const ask = ([headers, body = { prompt: "Hi" }, key = system.ours.apiKey]: Asked) => system.rest(0, key).call(PATH, { body, headers });
  const text = { "x-plugin-id": "generate-text" };
  const nobody = { "x-session-id": `ses_${"0".repeat(24)}`, "x-wallet-address": `0x${"0".repeat(40)}` };

  test.each<[string, Asked, number, object]>([
    [
      "a plugin without a price",
      [{ "x-plugin-id": "unpriced" }],
      400,
      { error: "unknown_plugin", code: "unknown_plugin", message: "The plugin has no price." },
    ],
    [
      "one, by a payment",
      [{ "x-plugin-id": "unpriced", "x-payment-method": "mpp" }],
      400,
      { error: "unknown_plugin", code: "unknown_plugin", message: "The plugin has no price." },
    ],
    [
      "a plugin that wants somebody known, of nobody",
      [{ "x-plugin-id": "closed" }, {}, null],
      401,
      { error: "Unauthorized", code: "unauthenticated", message: "A valid credential is required." },
    ],
    [
      "no payment",
      [{ ...text, "x-payment-method": "mpp" }],
      402,
      // No way to pay is set up here.
      { error: "payment_required", code: "payment_required", message: "Payment required for generate-text." },
    ],
    ...["x-session-id", "x-wallet-address"].map((missing): [string, Asked, number, object] => [
      `a session without its ${missing}`,
      [{ ...text, "x-payment-method": "session", ...nobody, [missing]: "" }],
      402,
      { error: "session_required", code: "session_required", message: "A session and its wallet are needed." },
    ]),
    [
      "a session that is none",
      [{ ...text, ...nobody }],
      402,
      { error: "session_invalid", code: "session_invalid", message: "There is no active session of this wallet." },
    ],
    [
      "a voucher that is none",
      [{ ...text, ...nobody, "x-session-voucher": "e30" }],
      402,
      { error: "voucher_failed", code: "voucher_failed", message: "The voucher cannot be read." },
    ],
    ["no plugin", [{ "x-plugin-id": "nothing" }], 502, { error: "no_plugin", code: "no_plugin", message: "There is no such plugin." }],
  ])("of %s has exactly its own shape", async (_what, asked, status, body) => {
    const answer = await ask(asked);
    expect([answer.status, answer.body]).toEqual([status, body]);
    expect(answer.headers.get("retry-after")).toBeNull();
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  test("is told as what it is: of a body that was no JSON, and, in a session, of a plugin that is not there and has no price", async () => {
    const words: [string, string][] = [
      ["{", "The body is not JSON. A prompt is needed."],
      ["[1]", "The body is not a JSON object. A prompt is needed."],
      ['{"prompt": ""}', "A prompt is needed."],
    ];
    for (const [body, message] of words) {
      const answer = await system.rest().call(PATH, { body, headers: text });
      expect([answer.status, answer.body]).toEqual([400, { error: "bad_request", code: "bad_request", message }]);
    }
    const none = { "x-plugin-id": "nothing" };
    for (const method of ["stripe", "mpp"]) {
      expect(await ask([{ ...none, "x-payment-method": method }])).toMatchObject({ status: 502, body: { error: "no_plugin" } });
    }
    for (const named of ["nothing", "../x"]) {
      const answer = await ask([{ ...nobody, "x-plugin-id": named }]);
      expect([answer.status, answer.body]).toEqual([
        400,
        { error: "unknown_plugin", code: "unknown_plugin", message: "There is no such plugin." },
      ]);
    }
    // It is switched off, and has its price still.
    expect(await ask([{ ...nobody, "x-plugin-id": "stt" }])).toMatchObject({ status: 502, body: { error: "no_plugin" } });
  });

  test("that is the caller's own doing is no error in our log, and neither is one who leaves", async () => {
    const errors = () => system.apis.flatMap(({ process: { lines } }) => lines.filter(({ level }) => level === "error"));
    const before = errors().length;
    for (const headers of [
      { "x-plugin-id": "nothing" },
      { "x-plugin-id": "unpriced" },
      { ...text, "x-payment-method": "mpp" },
      { ...text, ...nobody },
    ])
      await ask([headers]);
    await ask([text, {}]);
    const session = await open();
    for (const body of [{ prompt: "Hi", model: "custom/scripted" }, { message: "Hi" }]) {
      const plugin = "message" in body ? "agent" : "generate-text";
      system.model.script({ hang: true });
      const asked = system.model.journal.length;
      const leaving = new AbortController();
      const headers = { ...headersOf(session), "x-plugin-id": plugin };
      const left = system.rest(0).call(PATH, { body, headers, signal: leaving.signal });
      left.catch(() => undefined);
      await expect.poll(() => system.model.journal.length, { timeout: 10_000 }).toBe(asked + 1);
      leaving.abort();
      await expect(left).rejects.toThrow();
      await expect.poll(() => stateOf(session.sessionId), { timeout: 10_000 }).toMatchObject({ spent: 0, reserved: 0 });
    }
    // Whatever was to be said of it has been said by the time of another answer.
    await ask([text, {}]);
    expect(errors().slice(before)).toEqual([]);
  });

  test("of a session with too little left says what it costs, and what there is", async () => {
    const session = await open();
    await sql`update wallet_sessions set spent_micros = 980000 where id = ${session.sessionId}`;
    const answer = await ask([headersOf(session), { message: "Hi" }]);
    expect([answer.status, answer.body]).toEqual([
      402,
      {
        error: "insufficient_balance",
        code: "insufficient_balance",
        message: "Need $0.05, have $0.02",
        session: { remaining: "0.02", cost: "0.05" },
      },
    ]);
    await sql`update wallet_sessions set spent_micros = 0 where id = ${session.sessionId}`;
  });

  /** A call that is under way until it is left. */
  async function begun(headers: Record<string, string>, key = system.ours.apiKey) {
    system.model.script({ hang: true });
    const before = system.model.journal.length;
    const leaving = new AbortController();
    const body = { prompt: "Hi", model: "custom/scripted" };
    const running = system.rest(1, key).call(PATH, { body, headers: { ...text, ...headers }, signal: leaving.signal });
    running.catch(() => undefined);
    await expect.poll(() => system.model.journal.length, { timeout: 10_000 }).toBe(before + 1);
    return async () => {
      leaving.abort();
      await expect(running).rejects.toThrow();
    };
  }

  test("of a voucher whose call is under way says when to show it again, and it pays then", async () => {
    const account = privateKeyToAccount(generatePrivateKey());
    const session = await open(account.address);
    const expires = Math.floor(Date.now() / 1_000) + 3_600;
    const voucher = {
      kind: "call",
      sessionId: session.sessionId,
      plugin: "generate-text",
      amountMicros: 10_000,
      nonce: "one",
      expires,
    } as const;
    const typed = voucherTypedData(voucher, CHAIN_ID);
    if (typed.primaryType !== "Voucher") throw new Error("Not a voucher for one call.");
    const shown = { signature: await account.signTypedData(typed), nonce: "one", expires };
    const headers = { ...text, ...headersOf(session), "x-session-voucher": Buffer.from(JSON.stringify(shown)).toString("base64url") };
    const leave = await begun(headers);
    const lost = await ask([headers]);
    expect([lost.status, lost.headers.get("retry-after"), lost.body]).toEqual([
      503,
      "2",
      { error: "payment_pending", code: "payment_pending", message: expect.stringContaining("do not pay anew") },
    ]);
    await leave();
    await expect.poll(() => stateOf(session.sessionId), { timeout: 10_000 }).toMatchObject({ spent: 0, reserved: 0 });
    expect((await ask([headers])).status).toBe(200);
  });

  test("by credits is done as long as its price and its models' part are there: it does not wait for what it holds itself", async () => {
    const { apiKey, organizationId } = await system.newTenant("thrifty");
    const operator = { headers: { "x-admin-secret": system.adminSecret } };
    await system.rest(0, null).call("/admin/billing/mode", { body: { organization_id: organizationId, mode: "prepaid" }, ...operator });
    await sql`insert into prices (organization_id, kind, name, input_pico, output_pico, unit_pico) values
      (${organizationId}, 'plugin', 'generate-text', 0, 0, ${String(10_000n * 1_000_000n)}), (${organizationId}, 'model', '*', 1000000, 1000000, 0)`;
    const give = { organization_id: organizationId, amount_micros: 14_000, reference: "once", note: "" };
    expect((await system.rest(0, null).call("/admin/billing/credits", { body: give, ...operator })).status).toBe(200);
    const sold = await system.rest(0, apiKey).call("/api/v1/gateway", { body: { plugin: "generate-text", prompt: "Hi" } });
    expect(sold).toMatchObject({ status: 200, body: { payment: { method: "stripe" } } });
  });

  test("of credits that calls under way hold asks nobody to pay: it is waited for them, and then said when to come again", async () => {
    const { apiKey, organizationId } = await system.newTenant("holding");
    const operator = (path: string, body: object) =>
      system
        .rest(0, null)
        .call(path, { body: { organization_id: organizationId, ...body }, headers: { "x-admin-secret": system.adminSecret } });
    expect((await operator("/admin/billing/credits", { amount_micros: 10_000, reference: "one" })).status).toBe(200);
    expect((await operator("/admin/billing/mode", { mode: "prepaid" })).status).toBe(200);
    const free = { kind: "model", name: "*", input_pico: 0, output_pico: 0 };
    expect((await operator("/admin/billing/prices", free)).status).toBe(200);
    // All of the money, for one call.
    const leave = await begun({}, apiKey);
    const lost = await ask([text, { prompt: "Hi" }, apiKey]);
    expect([lost.status, lost.headers.get("retry-after"), at(lost.body, "error")]).toEqual([503, "2", "payment_pending"]);
    const waiting = ask([text, { prompt: "Hi" }, apiKey]);
    await leave();
    expect((await waiting).status).toBe(200);
    const unpaid = await ask([text, { prompt: "Hi" }, apiKey]);
    expect([unpaid.status, unpaid.headers.get("x-refused-by"), unpaid.body]).toEqual([
      402,
      "balance",
      {
        error: "budget_exhausted",
        code: "budget_exhausted",
        message: "The organization's balance is used up: it needs credits.",
        refusedBy: { kind: "balance" },
      },
    ]);
    // Who may use no more is not asked to pay more.
    expect((await operator("/admin/billing/credits", { amount_micros: 1_000_000, reference: "two" })).status).toBe(200);
    const budget = { scope: "organization", period: "day", limit_micros: 25_000 };
    const rest = system.rest(0, apiKey);
    expect((await rest.call("/api/billing/budgets", { body: budget })).status).toBe(200);
    expect((await ask([text, { prompt: "Hi" }, apiKey])).status).toBe(200);
    const limited = await ask([text, { prompt: "Hi" }, apiKey]);
    expect([limited.status, limited.headers.get("x-refused-by"), limited.headers.get("www-authenticate"), limited.body]).toEqual([
      402,
      "budget;scope=organization;period=day",
      null,
      {
        error: "budget_exhausted",
        code: "budget_exhausted",
        message: "The budget of the organization for the day has no room for this call: an administrator may raise it.",
        refusedBy: { kind: "budget", scope: "organization", period: "day", tooLarge: true },
      },
    ]);
    const { body } = await rest.call("/api/billing/budgets");
    expect(body).toMatchObject({ items: [{ spent_micros: 20_000, reached_at: expect.any(String) }] });
  });

  test("of another body under one key is a conflict", async () => {
    const headers = { ...text, ...headersOf(await open()), "idempotency-key": randomUUID() };
    expect((await ask([headers])).status).toBe(200);
    const other = await ask([headers, { prompt: "Other" }]);
    expect([other.status, other.body]).toEqual([
      409,
      { error: "idempotency_mismatch", code: "idempotency_mismatch", message: expect.any(String) },
    ]);
  });
});
