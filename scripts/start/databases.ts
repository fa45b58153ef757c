import { join } from "node:path";
import type { OnStarted } from "../services/child.ts";
import { startPostgres } from "../services/postgres.ts";
import { startRedis } from "../services/redis.ts";
import { redisProgram } from "../services/redis-program.ts";
import { StartFailure } from "../services/start-failure.ts";
import { type Folders, freshLog } from "./folders.ts";
import type { Progress } from "./progress.ts";
import type { Secrets } from "./secrets.ts";

/** No speed is bought with safety here: what is acknowledged is on the disk. */
const POSTGRES_SETTINGS = {
  max_connections: "200",
  shared_buffers: "128MB",
  synchronous_commit: "on",
  fsync: "on",
  timezone: "UTC",
  log_timezone: "UTC",
  // Statements are short; compiling them costs more than it saves.
  jit: "off",
};

export interface Databases {
  /** The owner's, who may create roles and tables. */
  ownerUrl: string;
  redisUrl: string;
}

/** The Postgres and the Redis that the environment names, else ones of this checkout's own. */
export async function startDatabases(options: {
  folders: Folders;
  secrets: Secrets;
  progress: Progress;
  onStarted: OnStarted;
}): Promise<Databases> {
  const { folders, secrets, progress, onStarted } = options;
  const givenOwnerUrl = postgresFromEnvironment(process.env);
  const startOwnPostgres = async () => {
    const folder = join(folders.state, "postgres");
    const logFile = freshLog(folders, "postgres");
    const own = await startPostgres({
      folder,
      logFile,
      password: secrets.postgres,
      database: "parley",
      settings: POSTGRES_SETTINGS,
      onStarted,
    });
    return own.url;
  };
  const givenRedisUrl = process.env["REDIS_URL"];
  const startOwnRedis = async () => {
    const program = await redisProgram(progress.note);
    const folder = join(folders.state, "redis");
    const own = await startRedis({ program, folder, logFile: freshLog(folders, "redis"), password: secrets.redis, onStarted });
    return own.url;
  };

  const [ownerUrl, redisUrl] = await Promise.all([
    givenOwnerUrl
      ? progress.step(
          "Postgres",
          () => Promise.resolve(givenOwnerUrl),
          (url) => `yours, on ${placeOf(url)}`,
        )
      : progress.step("Postgres", startOwnPostgres, (url) => `on ${placeOf(url)}, data in .parley/postgres`),
    givenRedisUrl
      ? progress.step(
          "Redis",
          () => Promise.resolve(givenRedisUrl),
          (url) => `yours, on ${placeOf(url)}`,
        )
      : progress.step("Redis", startOwnRedis, (url) => `on ${placeOf(url)}, data in .parley/redis`),
  ]);
  return { ownerUrl, redisUrl };
}

/** `DATABASE_URL`, or one made of `DB_HOST`, `DB_PORT`, `DB_USER`, `DB_PASSWORD` and `DB_NAME`; null when neither is set. */
export function postgresFromEnvironment(environment: NodeJS.ProcessEnv): string | null {
  const given = environment["DATABASE_URL"];
  if (given) {
    if (URL.canParse(given)) return given;
    throw new StartFailure("DATABASE_URL is not an address like postgres://user:password@host:5432/name.");
  }
  const { DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME } = environment;
  if (![DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME].some(Boolean)) return null;
  const url = new URL(`postgres://${DB_HOST ?? "127.0.0.1"}:${DB_PORT ?? "5432"}/${encodeURIComponent(DB_NAME ?? "parley")}`);
  url.username = encodeURIComponent(DB_USER ?? "postgres");
  url.password = encodeURIComponent(DB_PASSWORD ?? "");
  return url.href;
}

/** The same database, entered by another role. */
export function asRole(ownerUrl: string, role: string, password: string): string {
  const url = new URL(ownerUrl);
  url.username = role;
  url.password = encodeURIComponent(password);
  return url.href;
}

const placeOf = (url: string): string => new URL(url).host;
