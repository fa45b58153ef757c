import { createEgress } from "@parley/egress";
import { startModelServer, tokenText } from "@parley/testkit/model-server";
import { describe, expect, it, vi } from "vitest";
import { createModels } from "./models.ts";
import { modelSecrets } from "./provider.ts";
import { modelProviders, modelSettings } from "./settings.ts";
import { readAll, requestFor, startModelsAt } from "./test-models.ts";

const TOOL = {
  name: "lookup",
  description: "Looks a word up",
  parameters: { type: "object", properties: { word: { type: "string" } }, required: ["word"] },
};
const REMOTE = ["openrouter/a/b", "openai/gpt", "anthropic/claude", "google/gemini", "custom/llama"];

describe.each([...REMOTE, "local/chat"])("%s", (model) => {
  it("streams text in pieces and finishes with usage", async () => {
    const { models, server } = await startModelsAt(startModelServer);
    server.script({ tokens: 20, delayMs: 1 });
    const { chunks, text, finish, error } = await readAll(models.stream(requestFor(model)));
    expect(error).toBeNull();
    expect(chunks.length).toBeGreaterThan(2);
    expect(chunks.at(-1)).toBe(finish);
    expect(finish).toMatchObject({ reason: "stop", toolCalls: [], usage: { modelCalls: 1, estimated: false } });
    expect(text).toBe(model === "local/chat" ? text : tokenText(20));
  });

  it("calls a tool that is demanded, with arguments as JSON", async () => {
    const { models, server } = await startModelsAt(startModelServer);
    server.script({ toolCalls: [{ name: "lookup", arguments: { word: "hello" } }] });
    const { finish } = await readAll(models.stream(requestFor(model, { tools: [TOOL], toolChoice: "required" })));
    expect(finish).toMatchObject({ reason: "tool_calls", toolCalls: [{ name: "lookup", arguments: '{"word":"hello"}' }] });
  });

  it("throws the signal's reason, before it starts and in the middle", async () => {
    const { models, server } = await startModelsAt(startModelServer);
    server.script({ tokens: 1_000, delayMs: 5 });
    const reason = new Error("stopped");
    const early = await readAll(models.stream(requestFor(model, { signal: AbortSignal.abort(reason) })));
    expect([early.error, server.journal.length]).toEqual([reason, 0]);
    const controller = new AbortController();
    const stream = models.stream(requestFor(model, { signal: controller.signal }));
    const read = async () => {
      for await (const _ of stream) controller.abort(reason);
    };
    await expect(read()).rejects.toBe(reason);
  });
});

describe.each(REMOTE)("%s", (model) => {
  it("is asked by the name without its provider, with its own key, once", async () => {
    const { models, server } = await startModelsAt(startModelServer);
    await readAll(models.stream(requestFor(model)));
    expect(server.journal).toHaveLength(1);
    expect(server.journal[0]?.body.model).toBe(model.slice(model.indexOf("/") + 1));
    await vi.waitFor(() => expect(server.journal[0]).toMatchObject({ outcome: "finished" }), { timeout: 10_000 });
  });
});

describe("names", () => {
  it.each(["chat", "nowhere/model", "local/other", "", "/x"])("%j is rejected with a text that says what there is", async (model) => {
    const { models, server } = await startModelsAt(startModelServer);
    const { error } = await readAll(models.stream(requestFor(model)));
    expect(error).toMatchObject({ code: "model_rejected", message: expect.stringMatching(/local|provider/) });
    const embedded = models.embed({ model, texts: ["a"], signal: new AbortController().signal });
    await expect(embedded).rejects.toMatchObject({ code: "model_rejected" });
    expect(server.journal).toHaveLength(0);
  });
});

describe("settings", () => {
  it("switch a provider on by its key or its base URL, and blank ones count as missing", () => {
    const parsed = modelSettings.parse({
      OPENAI_API_KEY: "a",
      GOOGLE_API_KEY: "",
      ANTHROPIC_BASE_URL: "http://proxy:8080/v1/",
      MODEL_API_KEY: "b",
    });
    expect(modelProviders(parsed)).toEqual([
      { name: "openai", baseUrl: "https://api.openai.com/v1", apiKey: "a", outputLimit: "max_completion_tokens" },
      { name: "anthropic", baseUrl: "http://proxy:8080/v1", apiKey: null, outputLimit: "max_tokens" },
    ]);
    expect(modelProviders(modelSettings.parse({}))).toEqual([]);
    expect(modelSettings.safeParse({ MODEL_BASE_URL: "localhost:11434" }).success).toBe(false);
  });

  it("bind each key to its provider's host", () => {
    const providers = modelProviders(modelSettings.parse({ OPENROUTER_API_KEY: "a", OPENAI_API_KEY: "b" }));
    expect(modelSecrets(providers)).toEqual([
      { name: "model.openrouter", value: "a", hosts: ["openrouter.ai:443"] },
      { name: "model.openai", value: "b", hosts: ["api.openai.com:443"] },
    ]);
  });

  it("of a provider on a private address need its place on the allow-list", async () => {
    const providers = modelProviders(modelSettings.parse({ MODEL_BASE_URL: "http://127.0.0.1:11434/v1" }));
    const egress = createEgress();
    const { error } = await readAll(createModels({ providers, fetch: egress.fetch }).stream(requestFor("custom/x")));
    await egress.close();
    expect(error).toMatchObject({ code: "model_rejected", detail: expect.stringContaining("not allow-listed") });
  });
});
