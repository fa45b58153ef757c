import { agentConfig, LIMITS } from "@parley/contracts";
import { createEgress } from "@parley/egress";
import { startToolServer } from "@parley/testkit/tool-server";
import { afterEach, describe, expect, it } from "vitest";
import { createHttpTools } from "./http-tools/http-tools.ts";
import { type ToolSecret, toolSecrets, toolSettings } from "./tool-secrets.ts";

const OURS = "01900000-0000-7000-8000-000000000001";
const THEIRS = "01900000-0000-7000-8000-000000000002";
const VALUE = "a-very-secret-value";

const opened: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

const read = (given: unknown) => toolSettings.safeParse({ TOOL_SECRETS: typeof given === "string" ? given : JSON.stringify(given) });
const one = { name: "flights", value: VALUE, hosts: ["Flights.example:443"], organizations: "all" };

describe("the setting", () => {
  it("is an empty list where nothing is set, and has hosts as requests name them", () => {
    expect(toolSettings.parse({})).toEqual({ TOOL_SECRETS: [] });
    expect(read([one]).data).toEqual({ TOOL_SECRETS: [{ ...one, hosts: ["flights.example:443"] }] });
  });

  it.each<[what: string, given: unknown]>([
    ["no JSON", `[{"name": "flights", "value": "${VALUE}"`],
    ["no list", one],
    ["no name", [{ ...one, name: "" }]],
    ["a value that is no header's", [{ ...one, value: `${VALUE}\nx: y` }]],
    ["a value that may stand in any text", [{ ...one, value: "abc" }]],
    ["no host", [{ ...one, hosts: [] }]],
    ["a host without a port", [{ ...one, hosts: ["flights.example"] }]],
    ["all hosts", [{ ...one, hosts: ["*:443"] }]],
    ["nobody's", [{ ...one, organizations: undefined }]],
    ["a header that calls have anyway", [{ ...one, header: "Idempotency-Key" }]],
    ["a format without the value", [{ ...one, format: "Bearer" }]],
    ["a member that means nothing", [{ ...one, host: "flights.example:443" }]],
    ["one name twice", [one, one]],
  ])("is refused with %s, without a word of the value", (_, given) => {
    const { error } = read(given);
    expect(error?.issues).not.toHaveLength(0);
    expect(error?.message).not.toContain(VALUE);
  });
});

/** A tool that names this secret, at a place that the secret may be bound to. */
async function start(secret: Partial<ToolSecret> = {}, named = "flights") {
  const server = await startToolServer();
  const { TOOL_SECRETS: secrets } = toolSettings.parse({ TOOL_SECRETS: JSON.stringify([{ ...one, hosts: [server.host], ...secret }]) });
  const model = { name: "model.openai", value: "the-key-of-a-model", hosts: [server.host] };
  const egress = createEgress({ allow: [server.host], secrets: [model, ...toolSecrets(secrets)] });
  opened.push(server, egress);
  const config = agentConfig.parse({ tools: [{ name: "book", url: `${server.url}/book`, secret: named }] });
  const place = { organizationId: OURS, conversationId: "c" };
  const agent = { id: "a", version: 1, name: "A", description: "", config };
  const [tool] = await createHttpTools({ fetch: egress.fetch, limits: LIMITS, secrets })(agent, place);
  const call = { ...place, arguments: {}, key: "k", turnId: "t", executionId: "e", userEmail: null, agentId: "a" };
  return { server, run: () => tool?.run({ ...call, signal: new AbortController().signal }) };
}

describe("a tool's credential", () => {
  it("goes along to the host that it is bound to, as its setting says", async () => {
    const plain = await start();
    expect(await plain.run()).toMatchObject({ isError: false });
    expect(plain.server.journal[0]?.headers).toMatchObject({ authorization: `Bearer ${VALUE}`, "idempotency-key": "k" });
    const own = await start({ header: "X-Api-Key", format: "key {value}", organizations: [OURS as never] });
    await own.run();
    expect(own.server.journal[0]?.headers).toMatchObject({ "x-api-key": `key ${VALUE}` });
    expect(own.server.journal[0]?.headers).not.toHaveProperty("authorization");
  });

  it.each<[what: string, secret: Partial<ToolSecret>, named?: string]>([
    ["is another organization's", { organizations: [THEIRS as never] }],
    ["nobody has", {}, "trains"],
    ["is a model's key", {}, "model.openai"],
    ["is bound to another host", { hosts: ["flights.example:443"] }],
  ])("that %s is an error for the model, and no call is made", async (_, secret, named) => {
    const { server, run } = await start(secret, named);
    const result = await run();
    expect(result).toMatchObject({ isError: true });
    expect(result).not.toHaveProperty("unknown");
    expect(result?.text).not.toContain(VALUE);
    expect(server.journal).toEqual([]);
  });

  it("is not told to the model by a place that says back what it was sent", async () => {
    for (const status of [200, 400]) {
      const { server, run } = await start();
      server.otherwise({ status, body: `You said Bearer ${VALUE}.` });
      expect((await run())?.text).toContain("You said Bearer [secret].");
    }
  });
});
