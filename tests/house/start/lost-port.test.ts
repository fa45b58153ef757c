import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Child } from "../../../scripts/services/child.ts";
import { startApi } from "../../../scripts/start/apps.ts";

/** The first time the port is somebody else's by now; after that it listens. */
const PROGRAM = `
  import { existsSync, writeFileSync } from "node:fs";
  import { createServer } from "node:http";
  const end = ({ message }) => { console.error(message); process.exit(1); };
  const listen = () =>
    createServer((_, response) => response.end("ready")).once("error", end).listen(Number(process.env.PORT), "127.0.0.1");
  const server = listen();
  if (!existsSync("was-here")) server.once("listening", () => { writeFileSync("was-here", ""); listen(); });
`;

const root = mkdtempSync(join(tmpdir(), "parley-lost-port-"));
const children: Child[] = [];
afterEach(async () => {
  await Promise.all(children.map((child) => child.stop()));
  rmSync(root, { recursive: true });
});

test("a chosen port that is taken before the api has it is not the end: it starts on another one", async () => {
  mkdirSync(join(root, "apps/api/src"), { recursive: true });
  writeFileSync(join(root, "apps/api/src/main.ts"), PROGRAM);
  const url = await startApi({
    host: "127.0.0.1",
    port: "0",
    folders: { root, state: root, logs: root },
    environment: process.env,
    onStarted: (child) => void children.push(child),
    watch: false,
  });
  expect(await (await fetch(url)).text()).toBe("ready");
  expect(children.map((child) => child.hasExited())).toEqual([true, false]);
});
