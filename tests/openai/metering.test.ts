import { randomUUID } from "node:crypto";
import { at } from "@parley/testkit";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type OpenaiSystem, startOpenai } from "./support/start-openai.ts";

const MODEL = "custom/scripted";
const messages = [{ role: "user" as const, content: "12345678" }];
const whole = { model: MODEL, messages };
const streamed = { ...whole, stream: true };

let door: OpenaiSystem;
beforeAll(async () => {
  door = await startOpenai({ MODEL_ALIASES: JSON.stringify({ fast: [MODEL, "local/chat"] }), LIMIT_KEPT_ANSWER_BYTES_MAX: "2000" });
});
beforeEach(() => door.forgetMetered());
afterAll(() => door.close());

const post = (body: object, headers: Record<string, string> = {}, path = "/v1/chat/completions") =>
  door.system.rest().call(path, { body, headers });
const script = (...replies: Parameters<OpenaiSystem["system"]["model"]["script"]>) => door.system.model.script(...replies);

describe("every call is one row, however it ends", () => {
  test("answered: the provider's own figures, under the request's id", async () => {
    script(
      { tokens: 3, usage: { prompt_tokens: 11, completion_tokens: 5 } },
      { tokens: 3, usage: { prompt_tokens: 12, completion_tokens: 6 } },
    );
    const ids = [await post(whole), await post(streamed)].map(({ headers }) => headers.get("x-request-id"));
    const exact = { route: "openai.chat", model: MODEL, outcome: "answered", tries: 1, estimated: false };
    expect(await door.metered(2)).toMatchObject([
      { ...exact, input_tokens: 11, output_tokens: 5, request_id: ids[0] },
      { ...exact, input_tokens: 12, output_tokens: 6, request_id: ids[1] },
    ]);
  });

  test("answered without usage: our estimate, marked", async () => {
    script({ tokens: 4, usage: null }, { tokens: 4, usage: null });
    await post(whole);
    await post(streamed);
    const estimate = { outcome: "answered", estimated: true, input_tokens: 2, output_tokens: 3 };
    expect(await door.metered(2)).toMatchObject([estimate, estimate]);
  });

  test("cut off by the provider: what was said until then", async () => {
    script({ tokens: 100, breaks: { afterChunks: 40, how: "cut" } });
    await post(streamed);
    const [row] = await door.metered(1);
    expect(row).toMatchObject({ outcome: "cut", estimated: true, input_tokens: 2 });
    expect(row?.output_tokens).toBeGreaterThan(20);
  });

  test("refused: nothing was used; tried elsewhere: one row, of the model that answered", async () => {
    script({ status: 400 }, { status: 500 }, { status: 500 });
    await post(whole);
    await post({ ...whole, model: "fast" });
    const [refused, other] = await door.metered(2);
    expect(refused).toMatchObject({ outcome: "refused", tries: 1, input_tokens: 0, output_tokens: 0, model: MODEL });
    expect(other).toMatchObject({ outcome: "answered", tries: 3, model: "local/chat", estimated: false });
  });

  test.each([
    ["in the middle of a stream", streamed, { tokens: 500, delayMs: 5 }, 10],
    ["before the first token", streamed, { hang: true }, 0],
    ["before a whole answer", whole, { hang: true }, 0],
  ])("left by its caller %s: the provider's socket is closed, and it counts", async (_, body, reply, tokens) => {
    script(reply);
    const before = door.system.model.journal.length;
    const leaving = new AbortController();
    const calling = door.system
      .rest()
      .call("/v1/chat/completions", { body, signal: leaving.signal })
      .catch((error: unknown) => error);
    await expect.poll(() => door.system.model.journal[before]?.tokensSent ?? -1).toBeGreaterThanOrEqual(tokens);
    leaving.abort();
    await calling;
    await expect.poll(() => door.system.model.journal[before]).toMatchObject({ outcome: "aborted", socketClosedAtMs: expect.any(Number) });
    const [row] = await door.metered(1);
    expect(row).toMatchObject({ outcome: "cancelled", estimated: true, input_tokens: 2 });
    expect(row?.output_tokens).toBeGreaterThanOrEqual(tokens / 2);
  });

  test("embeddings and sound, too, and the built-in models", async () => {
    await post({ model: MODEL, input: "12345678" }, {}, "/v1/embeddings");
    await post({ model: "local/tts", input: "12345678", voice: "any", response_format: "pcm" }, {}, "/v1/audio/speech");
    await post({ model: "local/chat", messages });
    const rows = await door.metered(3);
    expect(rows.map(({ route, model, outcome }) => [route, model, outcome])).toEqual([
      ["openai.embeddings", MODEL, "answered"],
      ["openai.speech", "local/tts", "answered"],
      ["openai.chat", "local/chat", "answered"],
    ]);
    for (const { input_tokens: tokens } of rows) expect(tokens).toBe(2);
  });

  test("and those of the moment in which the process is told to stop", async () => {
    script(...Array.from({ length: 20 }, () => ({ tokens: 1 })));
    await Promise.all(Array.from({ length: 20 }, () => post(whole)));
    await door.system.apis[0]?.restart();
    expect(await door.metered(20)).toHaveLength(20);
  });
});

test("an organization sees its own rows only, and nobody can change one", async () => {
  await post(whole);
  await door.metered(1);
  const app = postgres(door.system.environment.DATABASE_URL ?? "", { max: 1, onnotice: () => undefined });
  try {
    const seenBy = (organization: string) =>
      app.begin(async (sql) => {
        await sql`select set_config('parley.organizations', ${`{${organization}}`}, true)`;
        return (await sql`select id from direct_calls`).length;
      });
    expect(await seenBy(door.system.ours.organizationId)).toBe(1);
    expect(await seenBy(randomUUID())).toBe(0);
    await expect(app`update direct_calls set input_tokens = 0`.execute()).rejects.toThrow("permission denied");
    await expect(app`delete from direct_calls`.execute()).rejects.toThrow("permission denied");
  } finally {
    await app.end();
  }
});

describe("a repeated call under its key", () => {
  const sent = () => door.system.model.journal.length;

  test.each([
    ["whole", whole],
    ["streamed", streamed],
  ])("gets the first answer byte for byte (%s), also while the first is under way, and is metered once", async (_, body) => {
    const before = sent();
    const headers = { "idempotency-key": randomUUID() };
    script({ tokens: 5, delayMs: 20, headersDelayMs: 50 });
    const [one, two] = await Promise.all([post(body, headers), post(body, headers)]);
    const three = await post(body, headers);
    expect([two.text, three.text]).toEqual([one.text, one.text]);
    expect(three.headers.get("content-type")).toBe(one.headers.get("content-type"));
    expect(sent()).toBe(before + 1);
    expect(await door.metered(1)).toHaveLength(1);
  });

  test("that says something else is refused", async () => {
    const headers = { "idempotency-key": randomUUID() };
    await post(whole, headers);
    const other = await post({ ...whole, seed: 1 }, headers);
    expect([other.status, at(other.body, "error", "code"), other.headers.get("x-should-retry")]).toEqual([
      409,
      "idempotency_mismatch",
      "false",
    ]);
  });

  test("acts anew where the first one failed, was cut or was left", async () => {
    const headers = { "idempotency-key": randomUUID() };
    script({ status: 400 }, { tokens: 9, breaks: { afterChunks: 3, how: "cut" } }, { hang: true }, { text: "at last" });
    expect((await post(streamed, headers)).status).toBe(400);
    expect((await post(streamed, headers)).text).toContain('"error"');
    const leaving = new AbortController();
    const before = sent();
    const left = door.system.rest().call("/v1/chat/completions", { body: streamed, headers, signal: leaving.signal });
    await expect.poll(sent).toBe(before + 1);
    leaving.abort();
    await expect(left).rejects.toThrow();
    expect((await post(streamed, headers)).text).toContain("at last");
  });

  test("whose answer was too large to be kept says so", async () => {
    const headers = { "idempotency-key": randomUUID() };
    script({ text: "x".repeat(3_000) });
    expect((await post(whole, headers)).status).toBe(200);
    const again = await post(whole, headers);
    expect([again.status, at(again.body, "error", "code")]).toEqual([409, "answer_not_kept"]);
  });
});
