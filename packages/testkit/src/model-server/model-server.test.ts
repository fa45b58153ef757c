import { afterEach, describe, expect, it, vi } from "vitest";
import { type ModelServer, startModelServer, tokenText } from "./model-server.ts";

interface Answer {
  choices: { message: { content: string } }[];
  data: { id: string }[];
}

const json = async (response: Response | Promise<Response>): Promise<Answer> => (await (await response).json()) as Answer;

const opened: ModelServer[] = [];
afterEach(async () => {
  for (const server of opened.splice(0)) await server.close();
});

const start = async (options: Parameters<typeof startModelServer>[0] = {}) => {
  const server = await startModelServer(options);
  opened.push(server);
  const ask = (content: string, more: object = {}) =>
    fetch(`${server.url}/chat/completions`, {
      method: "POST",
      headers: { authorization: "Bearer key" },
      body: JSON.stringify({ model: "m", messages: [{ role: "user", content }], ...more }),
    });
  return { server, ask };
};

describe("the scripted model", () => {
  it("chooses queued replies first, then the rule that fits the conversation, then its default", async () => {
    const { server, ask } = await start();
    server.when((request) => request.lastUserText.includes("rule"), { text: "by rule" });
    server.otherwise(({ lastUserText }) => ({ text: `default ${lastUserText}` }));
    server.script({ text: "queued" }, { tokens: 3 });
    const answers: string[] = [];
    for (const text of ["rule", "rule", "rule", "other"]) answers.push((await json(ask(text))).choices[0]?.message.content ?? "");
    expect(answers).toEqual(["queued", tokenText(3), "by rule", "default other"]);
  });

  it("streams a role, the tokens, a finish reason, usage on demand and the end", async () => {
    const { server, ask } = await start();
    server.script({ tokens: 2 }, { tokens: 2 });
    const lines = (await (await ask("x", { stream: true, stream_options: { include_usage: true } })).text()).trim().split("\n\n");
    expect(lines).toHaveLength(6);
    expect(lines.at(0)).toContain('"role":"assistant"');
    expect(lines.at(4)).toContain('"completion_tokens":2');
    expect(lines.at(-1)).toBe("data: [DONE]");
    expect((await (await ask("x", { stream: true })).text()).trim().split("\n\n")).toHaveLength(5);
  });

  it("notes every request without its credentials, what was sent, how it ended and when its socket closed", async () => {
    const { server, ask } = await start();
    server.script({ tokens: 3 }, { tokens: 5, breaks: { afterChunks: 2, how: "cut" } }, { tokens: 500, delayMs: 5 });
    await (await ask("one", { stream: true })).text();
    await expect(ask("two", { stream: true }).then((response) => response.text())).rejects.toThrow();
    await (await ask("three", { stream: true })).body?.cancel();
    await vi.waitFor(() => expect(server.journal.map((call) => call.outcome)).toEqual(["finished", "broken", "aborted"]), {
      timeout: 10_000,
    });
    expect(server.journal.map((call) => call.id)).toEqual([1, 2, 3]);
    expect(server.journal.slice(0, 2).map((call) => call.tokensSent)).toEqual([3, 2]);
    expect(server.journal[2]?.tokensSent).toBeLessThan(500);
    expect(server.journal[2]?.socketClosedAtMs).toBeGreaterThan(0);
    expect(server.journal[0]).toMatchObject({ headers: { authorization: "[hidden]" }, body: { model: "m" } });
  });

  it("refuses a wrong key, an unknown path, and answers with scripted statuses", async () => {
    const { server, ask } = await start({ apiKey: "another" });
    expect((await ask("x")).status).toBe(401);
    expect(server.journal).toHaveLength(0);
    const { server: open, ask: askOpen } = await start({ models: ["a", "b"] });
    open.script({ status: 429, retryAfter: "2" });
    const limited = await askOpen("x");
    expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "2"]);
    expect((await fetch(`${open.url}/nothing`)).status).toBe(404);
    expect((await json(fetch(`${open.url}/models`))).data.map((model) => model.id)).toEqual(["a", "b"]);
  });
});
