import type { ModelChunk, ModelRequest } from "@parley/domain";
import { createEgress } from "@parley/egress";
import { afterEach } from "vitest";
import { createModels } from "./models.ts";
import { modelSecrets } from "./provider.ts";
import { modelProviders, modelSettings } from "./settings.ts";

const opened: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

const KEY = "sk-test-key";

interface Server {
  url: string;
  host: string;
  close(): Promise<unknown>;
}

/** All five providers, each at the same scripted server, reached through the real egress. */
export const startModelsAt = async <Scripted extends Server>(start: (options: { apiKey: string }) => Promise<Scripted>) => {
  const server = await start({ apiKey: KEY });
  const names = ["OPENROUTER", "OPENAI", "ANTHROPIC", "GOOGLE", "MODEL"];
  const environment = Object.fromEntries(
    names.flatMap((name) => [
      [`${name}_API_KEY`, KEY],
      [`${name}_BASE_URL`, server.url],
    ]),
  );
  const providers = modelProviders(modelSettings.parse(environment));
  const egress = createEgress({ allow: [server.host], secrets: modelSecrets(providers) });
  opened.push(server, egress);
  return { server, models: createModels({ providers, fetch: egress.fetch }) };
};

export const requestFor = (model: string, more: Partial<ModelRequest> = {}): ModelRequest => ({
  model,
  messages: [{ role: "user", content: "hello" }],
  signal: new AbortController().signal,
  ...more,
});

/** Reads to the end, or to the failure. */
export const readAll = async (stream: AsyncIterable<ModelChunk>) => {
  const chunks: ModelChunk[] = [];
  let error: unknown = null;
  try {
    for await (const chunk of stream) chunks.push(chunk);
  } catch (cause) {
    error = cause;
  }
  const textOf = (type: "text" | "reasoning") => chunks.flatMap((chunk) => (chunk.type === type ? [chunk.text] : [])).join("");
  const finish = chunks.find((chunk) => chunk.type === "finish") ?? null;
  return { chunks, text: textOf("text"), reasoning: textOf("reasoning"), finish, error };
};
