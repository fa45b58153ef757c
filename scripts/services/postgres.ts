import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import postgresClient from "postgres";
import { type Child, lastWords, type OnStarted, startChild } from "./child.ts";
import { freePort } from "./free-port.ts";
import { preparedCluster } from "./postgres-cluster.ts";
import { postgresPrograms } from "./postgres-programs.ts";
import { postgresUser } from "./postgres-user.ts";
import { commandOf } from "./process-identity.ts";
import { StartFailure } from "./start-failure.ts";
import { waitUntil } from "./wait-until.ts";

const READY_MS = 60_000;
const PORTS_TRIED_MAX = 5;

export interface PostgresOptions {
  /** Where the data is kept; made when it is not there yet. */
  folder: string;
  logFile: string;
  /** Of the superuser `postgres`. */
  password: string;
  /** The database to have: made when it is not there yet. */
  database: string;
  settings?: Record<string, string>;
  /** The one that it had before; absent: a free one. */
  port?: number;
  onStarted?: OnStarted;
}

export interface Postgres {
  /** The superuser's address of the database. */
  url: string;
  /** Whether the data folder was made just now. */
  isNew: boolean;
  child: Child;
}

/** Starts the server npm brought, on a free port of loopback, and waits until it answers. Throws `StartFailure`. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { logFile, password, database, settings = {}, onStarted } = options;
  const user = postgresUser();
  const programs = postgresPrograms(user);
  const { folder, isNew } = preparedCluster({ folder: options.folder, password, programs, user });
  removeStalePidFile(folder);

  for (let tried = 1; ; tried++) {
    const port = options.port ?? (await freePort());
    const flags = Object.entries({ ...settings, port: String(port), listen_addresses: "127.0.0.1", unix_socket_directories: "" });
    const child = await startChild({
      name: "Postgres",
      command: programs.postgres,
      args: ["-D", folder, ...flags.flatMap(([name, value]) => ["-c", `${name}=${value}`])],
      logFile,
      cwd: "/",
      user,
      // Fast shutdown: sessions are ended, everything is written, nothing has to be recovered at the next start.
      stopSignal: "SIGINT",
      stopMs: 30_000,
      onStarted,
    });
    const url = `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/`;
    try {
      await untilReady(child, `${url}postgres`);
      await createDatabase(`${url}postgres`, database);
      return { url: `${url}${database}`, isNew, child };
    } catch (error) {
      const lostThePort = child.hasExited() && lastWords(logFile, /FATAL/).includes("could not create any TCP/IP sockets");
      await child.stop();
      if (!lostThePort || tried === PORTS_TRIED_MAX) throw error;
    }
  }
}

/**
 * A server that was killed leaves its process id behind, and a new one refuses to start while any process of the same
 * user has that id. A server that really runs on the folder keeps its file, and is reported by the one that starts.
 */
function removeStalePidFile(folder: string): void {
  const pidFile = join(folder, "postmaster.pid");
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, "utf8").split("\n")[0]);
  if (!commandOf(pid)?.includes(folder)) rmSync(pidFile);
}

async function untilReady(child: Child, url: string): Promise<void> {
  let refused: Error | null = null;
  const isReady = async () => {
    if (child.hasExited()) return true;
    const sql = postgresClient(url, { max: 1, connect_timeout: 5, onnotice: () => {} });
    try {
      await sql`select 1`;
      return true;
    } catch (error) {
      const code = (error as { code?: string }).code;
      // 57P03: it is starting up, or recovering after it was killed.
      if (code === "ECONNREFUSED" || code === "57P03" || code === "CONNECT_TIMEOUT") return false;
      refused = error as Error;
      return true;
    } finally {
      await sql.end({ timeout: 1 });
    }
  };
  const hasAnswered = await waitUntil(isReady, READY_MS);
  if (child.hasExited()) throw new StartFailure(`Postgres did not start: ${lastWords(child.logFile, /FATAL|PANIC/)} (${child.logFile})`);
  if (!hasAnswered) throw new StartFailure(`Postgres does not answer after ${READY_MS / 1000} s (${child.logFile})`);
  if (refused) throw new StartFailure(`Postgres refuses its own owner: ${(refused as Error).message}`);
}

async function createDatabase(url: string, name: string): Promise<void> {
  const sql = postgresClient(url, { max: 1, onnotice: () => {} });
  try {
    const [known] = await sql`select 1 from pg_database where datname = ${name}`;
    if (!known) await sql`create database ${sql(name)}`;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
