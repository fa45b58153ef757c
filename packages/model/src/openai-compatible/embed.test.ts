import { scriptedVector, startModelServer } from "@parley/testkit/model-server";
import { describe, expect, it } from "vitest";
import { startModelsAt } from "../test-models.ts";

const signal = new AbortController().signal;

describe("embed", () => {
  it("gives one vector per text, in the order of the texts, with usage", async () => {
    const { models, server } = await startModelsAt(startModelServer);
    const { vectors, usage } = await models.embed({ model: "openai/embed", texts: ["one", "two", "three"], signal });
    expect(vectors).toEqual(["one", "two", "three"].map(scriptedVector));
    expect(usage).toMatchObject({ inputTokens: 3, modelCalls: 1, estimated: false });
    expect(server.journal[0]?.body).toEqual({ model: "embed", input: ["one", "two", "three"], encoding_format: "float" });
  });

  it("estimates a usage that is missing or cannot be so, and says so, and asks nothing for no texts", async () => {
    const { models, server } = await startModelsAt(startModelServer);
    server.script({ usage: null });
    expect((await models.embed({ model: "custom/e", texts: ["12345678"], signal })).usage).toMatchObject({
      inputTokens: 2,
      estimated: true,
    });
    for (const prompt_tokens of [-5, 1.5, "2", 0]) {
      server.script({ embeddingUsage: { prompt_tokens } });
      const { usage } = await models.embed({ model: "custom/e", texts: ["12345678"], signal });
      expect([prompt_tokens, usage]).toMatchObject([prompt_tokens, { inputTokens: 2, estimated: true }]);
    }
    expect((await models.embed({ model: "custom/e", texts: [], signal })).vectors).toEqual([]);
    expect(server.journal).toHaveLength(5);
  });

  it("fails as a stream does", async () => {
    const { models, server } = await startModelsAt(startModelServer);
    server.script({ status: 429, retryAfter: "3" }, { status: 400 }, { hang: true });
    const ask = (given: AbortSignal = signal) => models.embed({ model: "openai/e", texts: ["a"], signal: given });
    await expect(ask()).rejects.toMatchObject({ code: "model_unavailable", retryAfterSeconds: 3 });
    await expect(ask()).rejects.toMatchObject({ code: "model_rejected" });
    const controller = new AbortController();
    const reason = new Error("stopped");
    const hanging = ask(controller.signal);
    controller.abort(reason);
    await expect(hanging).rejects.toBe(reason);
  });
});
