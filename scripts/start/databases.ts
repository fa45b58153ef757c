import { join } from "node:path";
import type { OnStarted } from "../services/child.ts";
import { startPostgres } from "../services/postgres.ts";
import { startRedis } from "../services/redis.ts";
import { redisProgram } from "../services/redis-program.ts";
import { type Folders, freshLog } from "./folders.ts";
import { pingPostgres, postgresFromEnvironment } from "./given-postgres.ts";
import { pingRedis, redisFromEnvironment } from "./given-redis.ts";
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

/**
 * The Postgres and the Redis that the environment names, else ones of this checkout's own. What was named has to answer
 * before anything of our own is started. Throws `StartFailure`.
 */
export async function startDatabases(options: {
  folders: Folders;
  secrets: Secrets;
  progress: Progress;
  onStarted: OnStarted;
}): Promise<Databases> {
  const { folders, secrets, progress, onStarted } = options;
  const givenPostgres = postgresFromEnvironment(process.env);
  const givenRedis = redisFromEnvironment(process.env);
  if (givenPostgres) {
    await progress.step(
      "Postgres",
      () => pingPostgres(givenPostgres),
      () => `yours, on ${placeOf(givenPostgres.url)}`,
    );
  }
  if (givenRedis) {
    await progress.step(
      "Redis",
      () => pingRedis(process.env, givenRedis.place),
      () => `yours, on ${givenRedis.place}`,
    );
  }

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
  const startOwnRedis = async () => {
    const program = await redisProgram(progress.note);
    const folder = join(folders.state, "redis");
    const own = await startRedis({ program, folder, logFile: freshLog(folders, "redis"), password: secrets.redis, onStarted });
    return own.url;
  };
  const [ownerUrl, redisUrl] = await Promise.all([
    givenPostgres?.url ?? progress.step("Postgres", startOwnPostgres, (url) => `on ${placeOf(url)}, data in .parley/postgres`),
    givenRedis?.url ?? progress.step("Redis", startOwnRedis, (url) => `on ${placeOf(url)}, data in .parley/redis`),
  ]);
  return { ownerUrl, redisUrl };
}

/** The same database, entered by another role. */
export function asRole(ownerUrl: string, role: string, password: string): string {
  const url = new URL(ownerUrl);
  url.username = role;
  url.password = encodeURIComponent(password);
  return url.href;
}

const placeOf = (url: string): string => new URL(url).host;
