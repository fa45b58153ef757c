import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createEgress } from "@parley/egress";
import { createDidResolver, createSignatureCheck } from "@parley/peers";
import { afterEach, describe, expect, test } from "vitest";

const running: ChildProcess[] = [];
afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
});

/** Starts an example as its reader would, on a free port, and answers where it is. */
async function start(name: string): Promise<string> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "..", "..", "examples", `${name}.ts`), "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const [url] = /http:\/\/\S+/.exec(line) ?? [];
    if (url !== undefined) return url;
  }
  throw new Error(`${name} did not start`);
}

interface Task {
  id: string;
  contextId: string;
  status: { state: string };
  artifacts?: { parts: { text?: string; data?: unknown; metadata?: Record<string, unknown> }[] }[];
}

async function call(url: string, method: string, params: object, version?: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(version === undefined ? {} : { "a2a-version": version }) },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const { result } = (await response.json()) as { result: Record<string, unknown> };
  return result;
}

/** Says it in 0.3, or goes on with a task. */
async function send(url: string, text: string, more: object = {}): Promise<Task> {
  const message = { messageId: crypto.randomUUID(), kind: "message", role: "user", parts: [{ kind: "text", text }], ...more };
  return (await call(url, "message/send", { message })) as unknown as Task;
}

const wordsOf = ({ artifacts = [] }: Task): string => artifacts.flatMap(({ parts }) => parts.map(({ text = "" }) => text)).join("");

test("each example shows its card at both places, and speaks 1.0 and 0.3", async () => {
  for (const name of ["joke-agent", "research-agent", "signing-agent"]) {
    const url = await start(name);
    for (const path of ["agent-card.json", "agent.json"]) {
      const card = (await (await fetch(`${url}/.well-known/${path}`)).json()) as { skills: object[]; url: string };
      expect(card).toMatchObject({ url, skills: [{ id: expect.any(String) }], supportedInterfaces: [{ protocolVersion: "1.0" }, {}] });
    }
    const message = { messageId: crypto.randomUUID(), role: "ROLE_USER", parts: [{ text: "the moon" }] };
    expect(await call(url, "SendMessage", { message }, "1.0")).toMatchObject({ task: { status: { state: "TASK_STATE_COMPLETED" } } });
    expect(await send(url, "the moon")).toMatchObject({ kind: "task", status: { state: "completed" } });
  }
});

test("the joke agent tells the same joke for the same words", async () => {
  const url = await start("joke-agent");
  const told = wordsOf(await send(url, "queues"));
  expect(told.length).toBeGreaterThan(20);
  expect(wordsOf(await send(url, "queues"))).toBe(told);
});

test("the research agent streams its report, and gives its sources as data", async () => {
  const url = await start("research-agent");
  const task = await send(url, "tea");
  expect(wordsOf(task).match(/tea matters/g)).toHaveLength(3);
  expect(task.artifacts?.at(-1)?.parts[0]).toMatchObject({ data: { topic: "tea", sources: expect.any(Array) } });
});

test("the flaky agent goes wrong in turns, and goes on with what it asked for", async () => {
  const url = await start("flaky-agent");
  const states: string[] = [];
  for (const _ of [1, 2]) states.push((await send(url, "go")).status.state);
  const asking = await send(url, "go");
  states.push(asking.status.state);
  expect(states).toEqual(["failed", "rejected", "input-required"]);
  expect(await send(url, "that one", { taskId: asking.id, contextId: asking.contextId })).toMatchObject({ status: { state: "completed" } });
});

describe("the signing agent", () => {
  test("signs what it says with the key that its DID is made from", async () => {
    const url = await start("signing-agent");
    const egress = createEgress({ allow: [new URL(url).host] });
    try {
      const card = (await (await fetch(`${url}/.well-known/agent.json`)).json()) as { capabilities: { extensions: { uri: string }[] } };
      const did = card.capabilities.extensions[0]?.uri ?? null;
      const pinned = async () => {
        throw new Error("nothing is pinned by first use");
      };
      const check = createSignatureCheck({ resolve: createDidResolver({ fetch: egress.fetch }), keys: { pin: pinned }, keysMax: 1 });
      const { artifacts = [] } = await send(url, "Grüße 😀");
      const facts = { organizationId: "o", endpoint: url, did, trust: { policy: "strict" as const } };
      expect(await check({ ...facts, artifacts })).toEqual({ ok: true, signed: 1, verified: 1, unsigned: 0 });
      const changed = artifacts.map(({ parts }) => ({ parts: parts.map((part) => ({ ...part, text: `${part.text}!` })) }));
      expect(await check({ ...facts, artifacts: changed })).toMatchObject({ ok: false, signed: 1, verified: 0 });
    } finally {
      await egress.close();
    }
  });
});
