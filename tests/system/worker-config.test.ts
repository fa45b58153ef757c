import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { at, type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let folder: string;
let file: string;
let system: System;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-worker-config-"));
  file = join(folder, "parley.config.yaml");
  // A setting of the api's alone is no mistake to a worker.
  await writeFile(file, "limits: { stepsPerTurnMax: 1 }\nserver: { corsOrigins: [https://app.example.com] }\n");
  system = await startSystem({ env: { CONFIG_FILE: file } });
});
afterAll(async () => {
  await system?.close();
  await rm(folder, { recursive: true });
});

test("a worker works with what the file says, and with what it says from now on", async () => {
  const agentId = await system.ours.newAgent({ tools: [{ name: "look", url: `${system.tools.url}/look` }] });
  system.model.otherwise(({ body }) =>
    body.messages?.at(-1)?.role === "tool" ? { text: ["seen"] } : { toolCalls: [{ name: "look", arguments: {} }] },
  );
  const ask = async () => {
    const { body } = await system.rest().call(`/v1/agents/${agentId}/invoke`, { body: { input: { text: "look" } } });
    return at(body, "status");
  };
  expect(await ask()).not.toBe("completed");
  await writeFile(file, "limits: { stepsPerTurnMax: 5 }\n");
  await expect.poll(ask, { timeout: 20_000 }).toBe("completed");
});
