import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { startedAt } from "../services/process-identity.ts";
import { StartFailure } from "../services/start-failure.ts";
import { waitUntil } from "../services/wait-until.ts";

interface KnownProcess {
  name: string;
  pid: number;
  startedAt: string | null;
}

interface Content {
  self: KnownProcess;
  children: KnownProcess[];
}

export interface RunRecord {
  add(child: { name: string; pid: number }): void;
  /** Gives the checkout free for the next start. */
  release(): void;
}

const STOP_MS = 15_000;

/**
 * One start at a time in a checkout, and a record of what it started. Throws `StartFailure` while another one runs. What
 * a start that was killed left running is stopped first: only processes that it wrote down, known by id and start time.
 */
export async function claimCheckout(file: string, announce: (text: string) => void): Promise<RunRecord> {
  const former = read(file);
  if (former === "broken") rmSync(file);
  else if (former !== null) {
    if (isRunning(former.self)) throw new StartFailure(`Parley already runs in this checkout (process ${former.self.pid}): stop it first.`);
    const left = former.children.filter(isRunning);
    if (left.length > 0) announce(`stopping what a killed start left: ${left.map(({ name }) => name).join(", ")}`);
    for (const child of left.reverse()) await stop(child);
    rmSync(file, { force: true });
  }

  const content: Content = { self: known("start", process.pid), children: [] };
  createOnly(file, JSON.stringify(content));
  return {
    add({ name, pid }) {
      content.children.push(known(name, pid));
      replace(file, JSON.stringify(content));
    },
    release() {
      rmSync(file, { force: true });
    },
  };
}

const known = (name: string, pid: number): KnownProcess => ({ name, pid, startedAt: startedAt(pid) });
const isRunning = (one: KnownProcess): boolean => one.startedAt !== null && startedAt(one.pid) === one.startedAt;

function read(file: string): Content | "broken" | null {
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Content;
  } catch {
    return "broken";
  }
}

/** Fails when the file is there: of two starts at the same moment one wins. A reader never sees half of it. */
function createOnly(file: string, text: string): void {
  const beside = `${file}.${process.pid}`;
  try {
    writeFileSync(beside, text, { mode: 0o600 });
    linkSync(beside, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST")
      throw new StartFailure("Parley is being started in this checkout by another process.");
    throw new StartFailure(`${file} cannot be written: ${(error as Error).message}`);
  } finally {
    rmSync(beside, { force: true });
  }
}

function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

async function stop(one: KnownProcess): Promise<void> {
  // Postgres waits for its sessions on SIGTERM, and ends them on SIGINT.
  process.kill(one.pid, one.name === "Postgres" ? "SIGINT" : "SIGTERM");
  if (await waitUntil(() => !isRunning(one), STOP_MS)) return;
  process.kill(one.pid, "SIGKILL");
  await waitUntil(() => !isRunning(one), STOP_MS);
}
