import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A Redis of a test's own, that it may stop, freeze and start again on the same port. Keeps nothing on disk. */
export interface TestRedis {
  url: string;
  port: number;
  start(): Promise<void>;
  stop(): Promise<void>;
  signal(name: NodeJS.Signals): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startRedis(args: string[] = []): Promise<TestRedis> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), "parley-redis-"));
  let server: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    server = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const { stdout } = server;
    if (!stdout) throw new Error("redis-server has no output.");
    let output = "";
    for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
      output += String(chunk);
      if (output.includes("Ready to accept connections")) break;
    }
    if (!output.includes("Ready to accept connections")) throw new Error(`redis-server did not start:\n${output}`);
    stdout.resume();
  };

  const stop = async (): Promise<void> => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, "exit");
    server.kill("SIGKILL");
    await gone;
  };

  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    start,
    stop,
    signal: (name) => void server?.kill(name),
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("No port.");
  return address.port;
}
