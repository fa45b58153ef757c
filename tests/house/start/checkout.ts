import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { startedAt } from "../../../scripts/services/process-identity.ts";
import { waitUntil } from "../../../scripts/services/wait-until.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const READY_MS = 120_000;

export interface Run {
  /** All it wrote up to now. */
  output(): string;
  /** Rejects when it ends before the text comes. */
  untilSays(text: string): Promise<void>;
  /** What it exits with. */
  ended: Promise<number | null>;
  signal(signal: NodeJS.Signals): void;
}

export interface Checkout {
  folder: string;
  start(environment?: NodeJS.ProcessEnv): Run;
  /** The same as a user types it; signals go to npm's process alone. */
  npmStart(): Run;
  /** The processes that the running start has started. */
  children(): { name: string; pid: number }[];
  local(): { url: string; apiKey: string; adminSecret: string; agentId: string };
  /** Ends what still runs, and removes the folder. */
  remove(): Promise<void>;
}

/** A checkout of its own with what is installed here: `npm start` without the installing. */
export function createCheckout(): Checkout {
  const folder = mkdtempSync(join(tmpdir(), "parley-checkout-"));
  // Whoever runs Postgres has to pass through it.
  chmodSync(folder, 0o755);
  const isSource = (path: string) => !["node_modules", "dist", ".parley", ".turbo"].includes(basename(path));
  for (const name of ["apps", "examples", "packages", "scripts", "package.json", "package-lock.json"]) {
    cpSync(join(root, name), join(folder, name), { recursive: true, filter: isSource });
  }
  linkPackages(folder);

  const runs: Run[] = [];
  const started = (command: string[], environment: NodeJS.ProcessEnv) => {
    const run = startIn(folder, command, environment);
    runs.push(run);
    return run;
  };
  return {
    folder,
    start: (environment = {}) => started([process.execPath, "scripts/start.mjs"], environment),
    npmStart: () => started(["npm", "start"], {}),
    children: () =>
      (JSON.parse(readFileSync(join(folder, ".parley", "run.json"), "utf8")) as { children: { name: string; pid: number }[] }).children,
    local: () => JSON.parse(readFileSync(join(folder, ".parley", "local.json"), "utf8")) as ReturnType<Checkout["local"]>,
    async remove() {
      for (const run of runs) {
        run.signal("SIGTERM");
        await run.ended;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function linkPackages(folder: string): void {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@parley"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name !== "@parley") symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  for (const room of ["apps", "packages"]) {
    for (const name of readdirSync(join(folder, room))) symlinkSync(join(folder, room, name), join(modules, "@parley", name));
  }
}

/** What a start reads beside what belongs to the system: none of it comes in from outside a test. */
const SETTINGS = /^(DATABASE|DB|REDIS|PARLEY|ADMIN|npm)_|^(PORT|HOST|CI)$|_API_KEY$/;

function startIn(folder: string, [program = "", ...args]: string[], extra: NodeJS.ProcessEnv): Run {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !SETTINGS.test(name)));
  const environment = { ...inherited, PORT: "0", ...extra };
  const child: ChildProcess = spawn(program, args, {
    cwd: folder,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));

  let hasEnded = false;
  const ended = new Promise<number | null>((resolve) => {
    child.once("close", (code) => {
      hasEnded = true;
      resolve(code);
    });
  });
  return {
    output: () => output,
    async untilSays(text) {
      await waitUntil(() => hasEnded || output.includes(text), READY_MS);
      if (!output.includes(text)) throw new Error(`never said "${text}":\n${output}`);
    },
    ended,
    signal: (signal) => void child.kill(signal),
  };
}

export const isRunning = ({ pid }: { pid: number }): boolean => startedAt(pid) !== null;

/** A folder with every program of PATH but those named. */
export function pathWithout(names: string[], folder: string): string {
  const programs = join(folder, "programs");
  mkdirSync(programs, { recursive: true });
  // By name and not by whether the link leads somewhere: folders of programs hold links that do not.
  const linked = new Set(names);
  for (const place of (process.env["PATH"] ?? "").split(":").filter((folder) => existsSync(folder))) {
    for (const name of readdirSync(place)) {
      if (!linked.has(name)) symlinkSync(join(place, name), join(programs, name));
      linked.add(name);
    }
  }
  return programs;
}
