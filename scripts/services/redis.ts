import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type Child, lastWords, type OnStarted, startChild } from "./child.ts";
import { freePort } from "./free-port.ts";
import { StartFailure } from "./start-failure.ts";
import { waitUntil } from "./wait-until.ts";

const READY_MS = 30_000;
const PORTS_TRIED_MAX = 5;

export interface RedisOptions {
  program: string;
  /** Where its append-only file is kept. */
  folder: string;
  logFile: string;
  password: string;
  onStarted?: OnStarted;
}

export interface Redis {
  url: string;
  child: Child;
}

/** Starts Redis on a free port of loopback: nothing is evicted, everything is appended to a file. Throws `StartFailure`. */
export async function startRedis({ program, folder, logFile, password, onStarted }: RedisOptions): Promise<Redis> {
  const settingsFile = join(folder, "redis.conf");
  for (let tried = 1; ; tried++) {
    const port = await freePort();
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      // In a file and not among the arguments, which everybody on the machine can list.
      writeFileSync(settingsFile, settings({ folder, port, password }), { mode: 0o600 });
    } catch (error) {
      throw new StartFailure(`The data folder ${folder} cannot be written: ${(error as Error).message}`);
    }
    const child = await startChild({ name: "Redis", command: program, args: [settingsFile], logFile, cwd: folder, onStarted });
    const isReady = async () => child.hasExited() || (await answersPing(port, password));
    const hasAnswered = await waitUntil(isReady, READY_MS);
    if (hasAnswered && !child.hasExited()) return { url: `redis://:${password}@127.0.0.1:${port}`, child };

    await child.stop();
    if (lastWords(logFile).includes("Failed listening") && tried < PORTS_TRIED_MAX) continue;
    const words = lastWords(logFile, /#/).replace(/^.*# /, "");
    throw new StartFailure(
      `Redis did not start: ${words} (${logFile}). Its folder ${folder} may be deleted: all that counts is in Postgres.`,
    );
  }
}

function settings({ folder, port, password }: { folder: string; port: number; password: string }): string {
  const lines = [
    "bind 127.0.0.1",
    `port ${port}`,
    `requirepass ${password}`,
    "daemonize no",
    `dir ${JSON.stringify(folder)}`,
    "maxmemory-policy noeviction",
    "appendonly yes",
    "appendfsync everysec",
    'save ""',
  ];
  return `${lines.join("\n")}\n`;
}

/** Whether it takes the password and answers; false while it still reads its file. */
function answersPing(port: number, password: string): Promise<boolean> {
  return new Promise((resolve) => {
    let heard = "";
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => settle(false));
    socket.once("error", () => settle(false));
    socket.once("close", () => settle(false));
    socket.on("data", (chunk) => {
      heard += chunk.toString();
      if (heard.includes("+PONG")) settle(true);
      else if (heard.includes("-")) settle(false);
    });
  });
}
