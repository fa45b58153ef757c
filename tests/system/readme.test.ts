import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callTrpc } from "./support/call-trpc.ts";

const root = join(import.meta.dirname, "..", "..");
const pages = [
  "README.md",
  "packages/client/README.md",
  ...readdirSync(join(root, "docs")).flatMap((file) => (file.endsWith(".md") ? [`docs/${file}`] : [])),
];

/** The address that examples have where they name one. */
const EXAMPLE_URL = "http://127.0.0.1:4766";
const ANSWER = "Why did the queue go to therapy?";
/** What the examples say whose call is not answered by an agent. */
const OTHER_ANSWERS: Record<string, string> = {
  "docs/mcp.md": '"scopes":["mcp-client"]',
  "docs/plan.md": '"stop_reason":"stop"',
  "docs/peers.md": '"name":"Research"',
  "docs/media.md": '"content_type":"application/pdf"',
  "docs/webhooks.md": '"received":true',
};

interface Block {
  page: string;
  language: string;
  text: string;
}

const blocks: Block[] = pages.flatMap((page) =>
  [...readFileSync(join(root, page), "utf8").matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = "", text = ""]) => ({
    page,
    language,
    text,
  })),
);
const lines = ({ text }: Block): string[] =>
  text
    .split("\n")
    .map((line) => line.replace(/\s+#.*$/, "").trim())
    .filter((line) => line !== "");
const isOfScripts = (block: Block): boolean => lines(block).every((line) => line.startsWith("npm "));
const shells = blocks.filter(({ language }) => language === "sh");
const hasCurl = spawnSync("curl", ["--version"]).status === 0;

let system: System;
let hook: { id: string; secret: string };
/** Where a reader stands who has the files that the pages speak of. */
const folder = mkdtempSync(join(tmpdir(), "parley-reader-"));
beforeAll(async () => {
  writeFileSync(join(folder, "plan.pdf"), "%PDF-1.7\n");
  system = await startSystem();
  system.model.otherwise({ text: [ANSWER] });
  const agentId = await system.ours.newAgent();
  const made = await callTrpc(system.rest(), "mutation", "hook.create", { name: "orders", mappings: [{ agentId }] });
  if (!made.ok) throw new Error(made.code);
  hook = made.data as typeof hook;
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await system.close();
});

/** Runs a program to its end, as somebody would who has followed the page so far. */
async function run(program: string, parameters: string[], cwd = join(root, "tests")): Promise<{ code: number | null; said: string }> {
  const agentId = await system.ours.newAgent();
  const { apiKey, organizationId } = system.ours;
  const url = system.apis[0]?.url ?? "";
  const names = { URL: url, AGENT: agentId, KEY: apiKey, PARLEY_API_KEY: apiKey };
  const operator = {
    ADMIN_SECRET: system.adminSecret,
    ORGANIZATION: organizationId,
    HOOK: hook.id,
    SECRET: hook.secret,
    GATEWAY_API_KEY: apiKey,
  };
  const child = spawn(
    program,
    parameters.map((text) => text.replaceAll(EXAMPLE_URL, url)),
    {
      cwd,
      env: { ...process.env, ...names, ...operator },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece: Buffer) => (said += piece.toString()));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, said })));
}

test("every example is one that is run here", () => {
  expect(shells.length).toBeGreaterThan(2);
  const known = new Set(["sh", "ts", "json", "md", "mermaid"]);
  for (const { page, language } of blocks) expect([page, known.has(language)]).toEqual([page, true]);
});

test("every script that a page names is there", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> };
  const named = shells.filter(isOfScripts).flatMap((block) => lines(block).map((line) => /^npm (?:run )?([\w:]+)/.exec(line)?.[1] ?? line));
  expect(named).toEqual(expect.arrayContaining(["start", "test", "bench"]));
  for (const name of named) expect(Object.keys(scripts)).toContain(name);
});

describe.skipIf(!hasCurl)("with curl", () => {
  test.each(shells.filter((block) => !isOfScripts(block)))("the example of $page has its answer", async ({ page, text }) => {
    const { code, said } = await run("bash", ["-ec", text], folder);
    expect([code, said]).toEqual([0, expect.stringContaining(OTHER_ANSWERS[page] ?? ANSWER)]);
    if (/\/stream|"stream": ?true/.test(text)) expect(said).toMatch(/task_finished|\[DONE\]/);
  });
});

test.each(blocks.filter(({ language }) => language === "ts"))("the program of $page prints the answer", async ({ text }) => {
  const given = ["url", "apiKey", "agentId"].filter((name) => !new RegExp(`const (\\{[^}]*)?\\b${name}\\b`).test(text));
  const values = { url: "URL", apiKey: "KEY", agentId: "AGENT" };
  const prelude = given.map((name) => `const ${name} = process.env.${values[name as keyof typeof values]};`).join("\n");
  const { code, said } = await run(process.execPath, ["--input-type=module-typescript", "--eval", `${prelude}\n${text}`]);
  expect([code, said]).toEqual([0, expect.stringContaining(ANSWER)]);
});

test.each(blocks.filter(({ language }) => language === "json"))("the data of $page are JSON", ({ text }) => {
  expect(() => JSON.parse(text) as unknown).not.toThrow();
});
