import { at } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type OpenaiSystem, startOpenai } from "../openai/support/start-openai.ts";

const MODEL = "custom/scripted";
const messages = [{ role: "user" as const, content: "12345678" }];
const SLICE_TOKENS = 16;
const UNSEEN_TOKENS = 256;
const OTHER = "custom/other";
const IN_MICROS = 1;
const OUT_MICROS = 10;

let door: OpenaiSystem;
beforeAll(async () => {
  const env = {
    LIMIT_HOLD_SLICE_TOKENS: String(SLICE_TOKENS),
    LIMIT_HOLD_UNSEEN_TOKENS: String(UNSEEN_TOKENS),
    LIMIT_HOLD_WAIT_MS: "0",
    LIMIT_HOLD_BEGIN_MS: "0",
    LIMIT_DIRECT_RETRIES_MAX: "0",
    MODEL_ALIASES: JSON.stringify({ either: [MODEL, OTHER] }),
  };
  door = await startOpenai(env, 1);
});
afterAll(() => door.close());

const operator = async (path: string, body: object) => {
  const answer = await door.system.rest(0, null).call(path, { body, headers: { "x-admin-secret": door.system.adminSecret } });
  expect([path, answer.status]).toEqual([path, 200]);
  return answer.body;
};

/** An organization with so much money, or one that pays afterwards. */
async function payer(micros: number | null) {
  const tenant = await door.system.newTenant("payer");
  const organization_id = tenant.organizationId;
  await operator("/admin/billing/prices", {
    ...{ organization_id, kind: "model", name: MODEL, input_pico: IN_MICROS * 1e6, output_pico: OUT_MICROS * 1e6 },
  });
  if (micros !== null) await operator("/admin/billing/mode", { organization_id, mode: "prepaid" });
  if (micros) await operator("/admin/billing/credits", { organization_id, amount_micros: micros, reference: "one" });
  const rest = door.system.rest(0, tenant.apiKey);
  const { newAgent } = tenant;
  const account = async () => (await rest.call("/api/billing/account")).body;
  return {
    /** Another price, beside the one above. */
    price: (price: object) => operator("/admin/billing/prices", { organization_id, kind: "model", ...price }),
    post: (body: object, path = "/v1/chat/completions") => rest.call(path, { body: { model: MODEL, messages, ...body } }),
    account,
    rest,
    newAgent,
    /** All of it charged, and nothing held. */
    async charged(balanceMicros: number) {
      await expect.poll(account, { timeout: 15_000, interval: 100 }).toMatchObject({ balance_micros: balanceMicros, held_micros: 0 });
      const books = await door.system
        .rest(0, null)
        .call(`/admin/billing/ledger?organization_id=${organization_id}`, { headers: { "x-admin-secret": door.system.adminSecret } });
      expect(books.body).toMatchObject({ ok: true, sum_micros: 0, held_micros: 0 });
    },
  };
}

test("calls and vectors of who pays afterwards are charged to the token, and each is a line of the export", async () => {
  // Before any of it is used: a day may end meanwhile.
  const today = new Date().toISOString().slice(0, 10);
  const { post, charged, rest } = await payer(null);
  door.system.model.script(
    { tokens: 3, usage: { prompt_tokens: 11, completion_tokens: 5 } },
    { tokens: 3, usage: { prompt_tokens: 12, completion_tokens: 6 } },
  );
  await post({});
  await post({ stream: true });
  await post({ input: "12345678", messages: undefined }, "/v1/embeddings");
  await charged(-(11 + 12 + 2 + 11 * OUT_MICROS));
  const csv = await rest.call("/api/billing/charges.csv");
  expect(csv.text.trim().split("\r\n")).toHaveLength(4);
  expect(csv.text).toContain("direct,");

  // The same as JSON, in parts, from a day on.
  const ask = (query: string) => rest.call(`/api/billing/charges?${query}`);
  const one = await ask(`limit=3&from=${today}`);
  expect(one.body).toMatchObject({ currency: "usd", items: [{ input_tokens: 11 }, { input_tokens: 12 }, { input_tokens: 2 }], next: null });
  const two = await ask("limit=2");
  const last = await ask(`limit=2&after=${String(at(two.body, "next"))}`);
  expect([at(two.body, "items", 1, "input_tokens"), last.body]).toMatchObject([12, { items: [{ input_tokens: 2 }], next: null }]);
  for (const query of ["after=bm9uZQ", "after=WyJub3ciLCJhIl0", "from=2026-02-30", "limit=0"])
    expect([query, (await ask(query)).status]).toEqual([query, 422]);
  const entries = await rest.call(
    `/api/billing/entries?source_type=usage&from=${today}&transaction_id=${at(one.body, "items", 0, "transaction_id")}`,
  );
  expect(entries.body).toMatchObject({ total: 2, items: [{ source_type: "usage" }, { source_type: "usage" }] });
  const statement = await rest.call(`/api/billing/statement?by=model&from=${today}`);
  expect(statement.body).toMatchObject({ currency: "usd", left_out: 0, total: { calls: 3, amount_micros: 11 + 12 + 2 + 11 * OUT_MICROS } });
});

test("calls for a user count with that user's budgets on every route, as an agent's turns do, however the name is written; other users' do not", async () => {
  const { post, charged, rest, newAgent } = await payer(null);
  const budget = async (period: string, hard: boolean, limit_micros: number) => {
    const body = { scope: "user", subject: "José ", period, limit_micros, alert_percent: 50, hard };
    expect((await rest.call("/api/billing/budgets", { body })).body).toMatchObject({ subject: "José" });
  };
  await budget("day", true, 5_000);
  await budget("month", false, 5_000);
  const reply = { tokens: 3, usage: { prompt_tokens: 50, completion_tokens: 5 } };
  door.system.model.script(reply, reply, reply, reply);
  const user = "Jose\u0301";
  expect((await post({ user })).status).toBe(200);
  expect((await post({ user: " José", input: "Hi", stream: false, messages: undefined }, "/v1/responses")).status).toBe(200);
  expect((await post({ user, input: "12345678", messages: undefined }, "/v1/embeddings")).status).toBe(200);
  expect((await post({ user: "JOSÉ" })).status).toBe(200);
  await charged(-(3 * 100 + 2));
  const spent = async () => at((await rest.call("/api/billing/budgets")).body, "items") as Record<string, unknown>[];
  expect(await spent()).toMatchObject([
    { period: "day", spent_micros: 202, held_micros: 0 },
    { period: "month", spent_micros: 202, held_micros: 0 },
  ]);

  door.system.model.script({ tokens: 3, usage: { prompt_tokens: 50, completion_tokens: 500 } });
  const agent = await newAgent({ model: MODEL });
  expect((await post({ model: `agent/${agent}`, user })).status).toBe(200);
  await expect.poll(spent, { timeout: 15_000, interval: 100 }).toMatchObject([
    { spent_micros: 5_252, reached_at: expect.any(String) },
    { spent_micros: 5_252, alerted_at: expect.any(String), reached_at: expect.any(String) },
  ]);
  const lines = at((await rest.call("/api/billing/statement?by=user")).body, "items") as { name: string | null }[];
  expect(lines.find(({ name }) => name === "José")).toMatchObject({ calls: 4, amount_micros: 5_252 });
  expect((await rest.call("/api/billing/charges.csv")).text).toContain("José");

  const before = door.system.model.journal.length;
  for (const [body, path] of [
    [{}],
    [{ input: "Hi", messages: undefined }, "/v1/responses"],
    [{ input: "Hi", messages: undefined }, "/v1/embeddings"],
  ] as const) {
    const answer = await post({ user, ...body }, path);
    expect([path, answer.status, at(answer.body, "error", "code")]).toEqual([path, 402, "budget_exhausted"]);
  }
  expect(door.system.model.journal.length).toBe(before);
  expect((await post({ user: "another" })).status).toBe(200);
});

test("a user is named by a text of bounded length on every route", async () => {
  const { post, newAgent } = await payer(null);
  const agent = `agent/${await newAgent()}`;
  const more = { input: "Hi", messages: undefined };
  for (const [body, path] of [
    [{}],
    [{ model: agent }],
    [more, "/v1/responses"],
    [{ ...more, model: agent }, "/v1/responses"],
    [more, "/v1/embeddings"],
  ] as const) {
    for (const user of ["x".repeat(201), 7, ["x"]]) {
      const answer = await post({ user, ...body }, path);
      expect([path, answer.status, at(answer.body, "error", "param")]).toEqual([path, 400, "user"]);
    }
  }
});

test("who has no money is refused with 402 in OpenAI's envelope, and nobody is asked", async () => {
  const { post, charged } = await payer(0);
  const before = door.system.model.journal.length;
  for (const stream of [false, true]) {
    const answer = await post({ stream });
    expect([answer.status, at(answer.body, "error", "code")]).toEqual([402, "budget_exhausted"]);
    expect([answer.headers.get("x-refused-by"), answer.body]).toMatchObject([
      "balance",
      { error: { message: "The organization's balance is used up: it needs credits.", refusedBy: { kind: "balance" } } },
    ]);
  }
  expect(door.system.model.journal.length).toBe(before);
  await charged(0);
});

test("a chat that an agent could not answer is no empty success: refused where nothing was said, and else an answer that says why it ends", async () => {
  const { rest, newAgent } = await payer(1_000);
  const agentId = await newAgent({ model: MODEL });
  const chat = (name: string) => rest.call("/api/chat", { body: { message: "Hi", agentId, sessionKey: name } });
  door.system.model.script({ tokens: 400, delayMs: 2 });
  const cut = await chat("cut");
  const words = { finishReason: "budget_exceeded", refusedBy: { kind: "balance" } };
  const used = "The organization's balance is used up: it needs credits.";
  expect([cut.status, cut.headers.get("x-refused-by"), cut.body]).toMatchObject([200, "balance", { ...words, error: used }]);
  expect(String(at(cut.body, "response")).length).toBeGreaterThan(50);
  // Nothing is held any more when that one is charged.
  const none = () => chat("none").then(({ status, body }) => [status, body]);
  await expect.poll(none, { timeout: 15_000, interval: 100 }).toMatchObject([402, { ...words, error: used, response: "" }]);

  const other = await payer(null);
  const away = await other.newAgent({ model: "custom/away" });
  door.system.model.script({ status: 400 });
  const failed = await other.rest.call("/api/chat", { body: { message: "Hi", agentId: away } });
  expect([failed.status, failed.headers.get("x-refused-by"), failed.body]).toMatchObject([
    502,
    null,
    { finishReason: "error", status: "failed" },
  ]);
  expect(failed.body).toMatchObject({ error: expect.stringMatching(/^Chat failed: ./), response: "" });
});

test("who has enough pays what was used, and what was held beyond it is free again", async () => {
  const { post, charged } = await payer(5_000);
  door.system.model.script({ tokens: 60, usage: { prompt_tokens: 11, completion_tokens: 60 } });
  const { text } = await post({ stream: true });
  expect(text).toContain("[DONE]");
  await charged(5_000 - 11 - 60 * OUT_MICROS);
});

test("a stream ends with the refusal where the money does, and what was said is charged, at most one slice beyond", async () => {
  const { post, account } = await payer(1_000);
  door.system.model.script({ tokens: 4_000, delayMs: 2 });
  const before = door.system.model.journal.length;
  const { text } = await post({ stream: true });
  expect(text).toContain("budget_exhausted");
  expect(text).not.toContain("t399");
  await expect.poll(() => door.system.model.journal[before]?.outcome).toBe("aborted");
  await expect.poll(account, { timeout: 15_000, interval: 100 }).toMatchObject({ held_micros: 0 });
  const left = Number(at(await account(), "balance_micros"));
  expect(left).toBeGreaterThanOrEqual(-2 * SLICE_TOKENS * OUT_MICROS);
  expect(left).toBeLessThan(1_000);
});

test("a whole answer that its caller has not bounded is heard no further than there is money, and looks like any other where there is enough", async () => {
  const poor = await payer(1_000);
  const before = door.system.model.journal.length;
  door.system.model.script({ tokens: 4_000, delayMs: 2 });
  const refused = await poor.post({});
  expect([refused.status, at(refused.body, "error", "code")]).toEqual([402, "budget_exhausted"]);
  await expect.poll(() => door.system.model.journal[before]?.outcome).toBe("aborted");
  expect(door.system.model.journal[before]?.tokensSent).toBeLessThan(1_000);
  await expect.poll(poor.account, { timeout: 15_000, interval: 100 }).toMatchObject({ held_micros: 0 });
  const left = Number(at(await poor.account(), "balance_micros"));
  expect(left).toBeGreaterThanOrEqual(-2 * SLICE_TOKENS * OUT_MICROS);
  expect(left).toBeLessThan(1_000 - SLICE_TOKENS * OUT_MICROS);

  const reply = { tokens: 3, toolCalls: [{ name: "tell", arguments: { a: 1 } }], usage: { prompt_tokens: 9, completion_tokens: 5 } };
  door.system.model.script(reply, reply);
  const [rich, later] = [await payer(5_000), await payer(null)];
  const [gathered, plain] = [(await rich.post({})).body, (await later.post({})).body] as Record<string, unknown>[];
  expect({ ...gathered, id: "" }).toEqual({ ...plain, id: "" });
  await rich.charged(5_000 - 9 - 5 * OUT_MICROS);
});

test("a call that one model has broken off and another one answered is charged by each one's own price", async () => {
  const { post, price, charged, rest } = await payer(5_000);
  await price({ name: OTHER, input_pico: 2e6, output_pico: 100e6 });
  door.system.model.script(
    { tokens: 4, breaks: { afterChunks: 4, how: "error" } },
    { tokens: 3, usage: { prompt_tokens: 7, completion_tokens: 5 } },
  );
  const answer = await post({ model: "either" });
  expect([answer.status, at(answer.body, "choices", 0, "message", "content")]).toEqual([200, "t0 t1 t2"]);
  // Of the first our estimate: a quarter of the letters that it was asked with, and that it has said.
  await charged(5_000 - (2 * IN_MICROS + 3 * OUT_MICROS) - (7 * 2 + 5 * 100));
  const lines = (await rest.call("/api/billing/charges.csv")).text.trim().split("\r\n").slice(1);
  expect(lines.map((line) => [MODEL, OTHER].find((model) => line.includes(model))).sort()).toEqual([OTHER, MODEL]);
});

test("thought that its model keeps back is held for before the call, and the provider told how much: nothing goes beyond it", async () => {
  const model = { model: "custom/thinks" };
  const before = door.system.model.journal.length;
  const poor = await payer(UNSEEN_TOKENS * OUT_MICROS);
  const rich = await payer(UNSEEN_TOKENS * OUT_MICROS * 4);
  for (const { price } of [poor, rich])
    await price({ name: model.model, input_pico: IN_MICROS * 1e6, output_pico: OUT_MICROS * 1e6, reasoning_pico: OUT_MICROS * 1e6 });
  for (const stream of [false, true]) {
    const answer = await poor.post({ ...model, stream });
    expect([answer.status, at(answer.body, "error", "code")]).toEqual([402, "budget_exhausted"]);
  }
  expect(door.system.model.journal.length).toBe(before);
  await poor.charged(UNSEEN_TOKENS * OUT_MICROS);

  const usage = { prompt_tokens: 9, completion_tokens: 250, completion_tokens_details: { reasoning_tokens: 240 } };
  door.system.model.script({ tokens: 10, usage }, { tokens: 3, usage: { prompt_tokens: 9, completion_tokens: 20 } });
  door.system.model.script({ tokens: 3, usage: { prompt_tokens: 9, completion_tokens: 5 } });
  expect((await rich.post({ ...model, stream: true })).text).toContain("[DONE]");
  await rich.charged(UNSEEN_TOKENS * OUT_MICROS * 4 - 9 - 250 * OUT_MICROS);
  expect((await rich.post({ ...model, max_tokens: 20, stream: true })).text).toContain("[DONE]");
  await rich.charged(UNSEEN_TOKENS * OUT_MICROS * 4 - 2 * 9 - (250 + 20) * OUT_MICROS);
  // What bounds nothing is not passed on: some providers take it for no bound at all.
  expect((await rich.post({ ...model, max_tokens: -1, stream: true, reasoning_effort: "high" })).text).toContain("[DONE]");
  expect(door.system.model.journal.slice(before).map(({ body }) => body["max_tokens"])).toEqual([UNSEEN_TOKENS, 20, UNSEEN_TOKENS]);
  await rich.charged(UNSEEN_TOKENS * OUT_MICROS * 4 - 3 * 9 - (250 + 20 + 5) * OUT_MICROS);
});

test("speech breaks off where the money does, however long it was thought to be", async () => {
  const { post, price, account } = await payer(20_000);
  await price({ name: "custom/voice", input_pico: 0, output_pico: 0, audio_pico: 1e9 });
  // 100 seconds, in the form that it says to have, of two letters.
  door.system.model.script({ sound: new Uint8Array(1_600_000), contentType: "audio/mpeg" });
  await expect(post({ model: "custom/voice", input: "Hi", voice: "alloy" }, "/v1/audio/speech")).rejects.toThrow();
  await expect.poll(account, { timeout: 15_000, interval: 100 }).toMatchObject({ held_micros: 0 });
  const left = Number(at(await account(), "balance_micros"));
  // At most what came in with one piece beyond it: some 64 KiB, or four seconds.
  expect(left).toBeLessThan(10_000);
  expect(left).toBeGreaterThanOrEqual(-10_000);
});

test("who has no money for a vector finds memories by their words, and nothing is charged", async () => {
  const { rest, charged } = await payer(0);
  const found = await rest.call("/api/memory/search?q=anything");
  expect(found.status).toBe(200);
  await charged(0);
});
