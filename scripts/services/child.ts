import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { StartFailure } from "./start-failure.ts";
import { waitUntil } from "./wait-until.ts";

export interface ChildOptions {
  name: string;
  command: string;
  args: string[];
  /** Both of its outputs are appended here. */
  logFile: string;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** The user it runs as; absent: ours. */
  user?: { uid: number; gid: number } | null;
  stopSignal?: NodeJS.Signals;
  /** How long it may take to stop before it is killed. */
  stopMs?: number;
  /** Told of the process as soon as it runs, before it has shown that it works. */
  onStarted?: OnStarted | undefined;
}

export type OnStarted = (child: Child) => void;

export interface Child {
  name: string;
  pid: number;
  logFile: string;
  hasExited(): boolean;
  /** Settles when the process is gone, with what it ended with: `code 1`, `signal SIGKILL`. */
  exited: Promise<string>;
  /** Ends the process, and waits until it is gone. */
  stop(): Promise<void>;
}

/** Starts a process in a group of its own, so that Ctrl-C at the terminal reaches only us and we stop it in our order. */
export function startChild(options: ChildOptions): Promise<Child> {
  const { name, command, args, logFile, cwd, env, user, stopSignal = "SIGTERM", stopMs = 15_000, onStarted } = options;
  const log = openSync(logFile, "a", 0o600);
  const child = spawn(command, args, {
    stdio: ["ignore", log, log],
    detached: true,
    cwd,
    env,
    ...(user && { uid: user.uid, gid: user.gid }),
  });
  closeSync(log);

  let hasExited = false;
  const exited = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => {
      hasExited = true;
      resolve(signal === null ? `code ${code}` : `signal ${signal}`);
    });
  });

  const stop = async () => {
    if (hasExited) return;
    child.kill(stopSignal);
    if (await waitUntil(() => hasExited, stopMs)) return;
    child.kill("SIGKILL");
    await exited;
  };

  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new StartFailure(`${name} cannot be started: ${error.message}`)));
    child.once("spawn", () => {
      const running = { name, pid: child.pid ?? 0, logFile, hasExited: () => hasExited, exited, stop };
      onStarted?.(running);
      resolve(running);
    });
  });
}

/** The last line of a log that says something, without what its writer puts before the words. */
export function lastWords(logFile: string, wanted = /\S/): string {
  const lines = readFileSync(logFile, "utf8").trimEnd().split("\n");
  return (lines.findLast((line) => wanted.test(line)) ?? lines.at(-1) ?? "").trim().slice(0, 400);
}
