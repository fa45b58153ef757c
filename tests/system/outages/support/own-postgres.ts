import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "@parley/db";
import type { SystemOptions } from "@parley/testkit";
import { startPostgres } from "../../../../scripts/services/postgres.ts";
import { childrenOf, signalAll } from "./children-of.ts";

/** A Postgres of a test's own, that it may end, freeze and start again on the same port. Keeps its data meanwhile. */
export interface OwnPostgres {
  server: NonNullable<SystemOptions["server"]>;
  /** As an operator ends it: sessions are cut, everything is written. */
  stop(): Promise<void>;
  /** All of its processes at once, in the middle of whatever they do. What was committed is known to the system by then, if not on disk. */
  kill(): Promise<void>;
  /** Resolves when it answers again. */
  start(): Promise<void>;
  /** Holds all of its processes, as a machine that pauses does. */
  freeze(): void;
  thaw(): void;
  close(): Promise<void>;
}

/** Its commits must outlive its processes, not the machine. */
const SETTINGS = { fsync: "off", full_page_writes: "off", max_connections: "200", shared_buffers: "128MB", timezone: "UTC", jit: "off" };
const TEMPLATE = "parley_template";

/** Starts a server with a migrated template. */
export async function startOwnPostgres(): Promise<OwnPostgres> {
  const folder = await mkdtemp(join(tmpdir(), "parley-postgres-"));
  // The user that it runs as has to pass through.
  await chmod(folder, 0o711);
  const [password, appPassword, sweepPassword] = [secret(), secret(), secret()];
  const place = { folder: join(folder, "data"), logFile: join(folder, "log"), password, database: TEMPLATE, settings: SETTINGS };
  let { url, child } = await startPostgres(place);
  const port = Number(new URL(url).port);
  let held: number[] = [];
  const killAll = (): void => {
    // The first one is stopped before, so that it starts no others.
    signalAll([child.pid], "SIGSTOP");
    signalAll([...childrenOf(child.pid), child.pid], "SIGKILL");
  };
  const orphaned = (): void => {
    if (!child.hasExited()) killAll();
  };
  process.once("exit", orphaned);
  await migrate({ ownerUrl: url, appPassword, sweepPassword });

  return {
    server: { postgresAdminUrl: url.replace(/[^/]*$/, "postgres"), templateDatabase: TEMPLATE, appPassword, sweepPassword },
    stop: () => child.stop(),
    async kill() {
      killAll();
      await child.exited;
    },
    async start() {
      ({ url, child } = await startPostgres({ ...place, port }));
    },
    freeze() {
      signalAll([child.pid], "SIGSTOP");
      held = [child.pid, ...childrenOf(child.pid)];
      signalAll(held, "SIGSTOP");
    },
    thaw: () => signalAll(held, "SIGCONT"),
    async close() {
      process.off("exit", orphaned);
      await child.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const secret = (): string => randomBytes(16).toString("hex");
