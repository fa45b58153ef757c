import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "@parley/db";
import type { Child } from "../services/child.ts";
import { startPostgres } from "../services/postgres.ts";
import { startedAt } from "../services/process-identity.ts";
import { startRedis } from "../services/redis.ts";
import { redisProgram } from "../services/redis-program.ts";

export interface TestServers {
  /** The superuser's address of the server, at its database `postgres`. */
  postgresAdminUrl: string;
  /** A migrated database that nobody is connected to: `create database x template <this>` takes about 50 ms. */
  templateDatabase: string;
  redisUrl: string;
  /** Of the roles `parley_app` and `parley_sweep`. */
  appPassword: string;
  sweepPassword: string;
  stop(): Promise<void>;
}

/** Nothing here outlives the tests, so nothing has to reach the disk before it counts. */
const POSTGRES_SETTINGS = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  max_connections: "400",
  shared_buffers: "128MB",
  timezone: "UTC",
  jit: "off",
};

const TEMPLATE = "parley_template";

/** One Postgres and one Redis, on free ports and in a folder that goes with them. */
export async function startTestServers(): Promise<TestServers> {
  const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
  // The user that Postgres runs as has to pass through it.
  chmodSync(folder, 0o711);
  const { onStarted, stop } = startGuard(folder);

  const [postgresPassword, redisPassword, appPassword, sweepPassword] = [password(), password(), password(), password()];
  try {
    const program = await redisProgram((text) => process.stdout.write(`${text}\n`));
    const [postgres, redis] = await Promise.all([
      startPostgres({
        folder: join(folder, "postgres"),
        logFile: join(folder, "postgres.log"),
        password: postgresPassword,
        database: TEMPLATE,
        settings: POSTGRES_SETTINGS,
        onStarted,
      }),
      startRedis({ program, folder: join(folder, "redis"), logFile: join(folder, "redis.log"), password: redisPassword, onStarted }),
    ]);
    await migrate({ ownerUrl: postgres.url, appPassword, sweepPassword });
    const postgresAdminUrl = postgres.url.replace(/[^/]*$/, "postgres");
    return { postgresAdminUrl, templateDatabase: TEMPLATE, redisUrl: redis.url, appPassword, sweepPassword, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A process that ends the servers though this one may be killed. */
function startGuard(folder: string): { onStarted: (child: Child) => void; stop: () => Promise<void> } {
  const guard = spawn(process.execPath, [join(import.meta.dirname, "guard.ts"), folder], {
    stdio: ["pipe", "ignore", "inherit"],
    detached: true,
  });
  const ended = new Promise<void>((resolve) => guard.once("exit", () => resolve()));
  return {
    onStarted({ name, pid }) {
      // Postgres waits for its sessions on SIGTERM, and ends them on SIGINT.
      guard.stdin.write(`${pid} ${startedAt(pid)?.replaceAll(" ", "_")} ${name === "Postgres" ? "SIGINT" : "SIGTERM"}\n`);
    },
    async stop() {
      guard.stdin.end();
      await ended;
    },
  };
}

const password = (): string => randomBytes(16).toString("hex");
