import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";

export interface RunningProcess {
  pid: number;
  /** The port the process reported, or the one it was given. */
  port: number;
  /** Ms from spawn to ready. */
  startedInMs: number;
  residentBytes(): Promise<number>;
  /** CPU time used so far, user and system, ms. */
  cpuMs(): Promise<number>;
  /** Asks it to end, and ends it after 10 s. */
  stop(): Promise<void>;
}

export interface ProcessOptions {
  env: Record<string, string>;
  /** Resolves when a process that does not report its port is ready; until then it is asked every few ms. */
  ready?: { port: number; check(): Promise<boolean> };
  /** Defaults to this Node with the file as it is. */
  command?: { program: string; leading: string[] };
  cwd?: string;
}

const READY_MS = 60_000;
const STOP_MS = 10_000;
const TICK_MS = 10;
const CLOCK_TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

/** Runs a program in a process of its own and waits until it is ready. Rejects with the end of what it printed. */
export async function startProcess(name: string, argv: string[], options: ProcessOptions): Promise<RunningProcess> {
  const startedAt = performance.now();
  const { program, leading } = options.command ?? { program: process.execPath, leading: ["--disable-warning=ExperimentalWarning"] };
  const child = spawn(program, [...leading, ...argv], {
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let printed = "";
  const keep = (piece: Buffer) => {
    printed = (printed + piece.toString("utf8")).slice(-4_000);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  let ended: string | null = null;
  child.once("exit", (code, signal) => {
    ended = `${code ?? signal}`;
  });
  child.once("error", (error) => {
    ended = error.message;
  });

  let port = options.ready?.port ?? 0;
  child.on("message", (message) => {
    if (typeof message === "object" && "port" in message && typeof message.port === "number") port = message.port;
  });
  const stop = async () => {
    if (ended !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await exited;
    clearTimeout(timer);
  };
  const isReady = async () => (options.ready === undefined ? port !== 0 : options.ready.check());
  while (!(await isReady())) {
    if (ended !== null) throw new Error(`${name} ended (${ended}) before it was ready:\n${printed}`);
    if (performance.now() - startedAt > READY_MS) {
      await stop();
      throw new Error(`${name} was not ready within ${READY_MS} ms:\n${printed}`);
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  const pid = child.pid ?? 0;
  return {
    pid,
    port,
    startedInMs: performance.now() - startedAt,
    residentBytes: async () => Number((await readFile(`/proc/${pid}/statm`, "utf8")).split(" ")[1]) * PAGE_BYTES,
    cpuMs: async () => {
      // The program's name stands in brackets and may hold spaces: fields are counted after it.
      const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
      return ((Number(fields[11]) + Number(fields[12])) * 1000) / CLOCK_TICKS_PER_SECOND;
    },
    stop,
  };
}
