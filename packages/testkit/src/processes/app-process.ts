import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const ROOT = join(import.meta.dirname, "..", "..", "..", "..");
const START_MS = 30_000;

/** One line of an app's log; a line that is no JSON stands under `message`. */
export interface LogLine {
  level?: string;
  message?: string;
  url?: string;
  [field: string]: unknown;
}

/** How a process ended: its code, or the signal that ended it. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface AppProcess {
  readonly pid: number;
  /** What it has said so far, oldest first. */
  readonly lines: LogLine[];
  /** Everything that went to its standard error. */
  readonly complaints: string;
  readonly exited: Promise<Exit>;
  hasExited(): boolean;
  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves with the first line of this message. Rejects when the process ends without it, or stays silent too long. */
  said(message: string): Promise<LogLine>;
}

const running = new Set<ChildProcess>();
// A test process that dies by itself takes its children along.
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

const parsed = (line: string): LogLine => {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { message: line };
  }
};

/** How an app runs in production. */
const mainOf = (app: "api" | "worker"): string => join(ROOT, "apps", app, "src", "main.ts");

/** Nothing else of our environment. Reading compiled code from where it is kept halves what a start costs: 0.5 s of processor instead of 0.9. */
const INHERITED = ["PATH", "NODE_COMPILE_CACHE"];
const inherited = (): NodeJS.ProcessEnv => Object.fromEntries(INHERITED.map((name) => [name, process.env[name]]));

const TRAP = pathToFileURL(join(import.meta.dirname, "trap-sockets.ts")).href;

/** Starts one of the apps, with this environment. No connection goes around the egress. `entry` is a file that starts it in another way. */
export function startApp(app: "api" | "worker", environment: Record<string, string>, entry = mainOf(app)): AppProcess {
  const child = spawn(process.execPath, ["--import", TRAP, entry], {
    cwd: ROOT,
    env: { ...inherited(), NODE_ENV: "production", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const lines: LogLine[] = [];
  const listeners = new Set<(line: LogLine) => void>();
  let complaints = "";
  createInterface({ input: child.stdout }).on("line", (text) => {
    const line = parsed(text);
    lines.push(line);
    for (const listener of listeners) listener(line);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints += text;
  });
  let hasExited = false;
  const exited = new Promise<Exit>((resolve) => {
    // `close` and not `exit`: by then all that it said has been read.
    child.once("close", (code, signal) => {
      hasExited = true;
      running.delete(child);
      resolve({ code, signal });
    });
  });

  const said = (message: string): Promise<LogLine> => {
    const known = lines.find((line) => line.message === message);
    if (known) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        listeners.delete(listener);
        act();
      };
      const fail = (how: string): void => settle(() => reject(new Error(`The ${app} ${how} without saying "${message}": ${complaints}`)));
      const listener = (line: LogLine): void => {
        if (line.message === message) settle(() => resolve(line));
      };
      const timer = setTimeout(() => fail("went on"), START_MS);
      listeners.add(listener);
      void exited.then(() => fail("ended"));
    });
  };

  return {
    pid: child.pid ?? 0,
    lines,
    get complaints() {
      return complaints;
    },
    exited,
    hasExited: () => hasExited,
    signal: (signal) => void child.kill(signal),
    said,
  };
}
