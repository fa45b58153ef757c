import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const KEY = "dev-gateway-key";

let joker: string;
let system: System;
const agent = spawn(process.execPath, [join(root, "examples", "joke-agent.ts"), "0"], { stdio: ["ignore", "pipe", "inherit"] });
beforeAll(async () => {
  for await (const line of createInterface({ input: agent.stdout })) {
    joker = /http:\/\/\S+/.exec(line)?.[0] ?? "";
    break;
  }
  system = await startSystem({ allow: [new URL(joker).host], env: { PLANNER_MODEL: "custom/scripted", GATEWAY_API_KEY: KEY } });
});
afterAll(async () => {
  agent.kill();
  if (agent.exitCode === null && agent.signalCode === null) await once(agent, "exit");
  await system.close();
});

/** What `curl` prints. */
async function curl(...args: string[]): Promise<string> {
  const child = spawn("curl", ["-sS", "-N", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  for await (const bytes of child.stdout) output += String(bytes);
  return output;
}

test("two terminals: an agent of the examples, and `curl -N` to the gateway; eight events in order", async () => {
  system.model.script(
    ({ body }) => {
      const [tool] = (body.tools ?? []) as { function: { name: string } }[];
      return { text: "Let me ask. ", toolCalls: [{ name: tool?.function.name ?? "", arguments: { input: "queues" } }] };
    },
    { text: ["Here ", "it is."] },
  );
  const skills = [{ id: "tell_joke", description: "Tells one joke" }];
  const output = await curl(
    `${system.apis[0]?.url}/plan`,
    ...["-H", `Authorization: Bearer ${KEY}`, "-H", "Content-Type: application/json"],
    ...["-d", JSON.stringify({ question: "Tell me a joke about queues", agents: [{ name: "joke", endpoint: joker, skills }] })],
  );
  const events = [...output.matchAll(/^event: (\S+)\ndata: (.*)$/gm)].map(([, event = "", data = ""]) => ({
    event,
    data: JSON.parse(data),
  }));
  const order = events.map(({ event }) => event).filter((event, index, all) => event !== all[index - 1]);
  expect(order).toEqual([
    ...["session", "plan", "text.delta", "task.started", "task.artifact", "task.finished", "text.delta", "final", "done"],
  ]);
  const about = { task_id: expect.any(String), agent: "joke", agent_did: null, agent_did_source: null };
  const data = (name: string) => events.find(({ event }) => event === name)?.data;
  expect(data("task.started")).toEqual({ ...about, skill: "tell_joke", input: { input: "queues" } });
  expect(data("task.artifact")).toEqual({
    ...about,
    title: "@joke/tell_joke",
    content: expect.stringMatching(/^<remote_content agent="joke" verified="unknown">\n.+\n<\/remote_content>$/s),
    signatures: null,
  });
  expect(data("task.finished")).toEqual({ ...about, state: "completed", signatures: null });
});
