import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { canEnter, OPEN_FOLDER, type PostgresPrograms } from "./postgres-programs.ts";
import type { SystemUser } from "./postgres-user.ts";
import { StartFailure } from "./start-failure.ts";

const MAJOR_VERSION = "18";

export interface ClusterOptions {
  /** Where the data is, or shall be. */
  folder: string;
  password: string;
  programs: PostgresPrograms;
  user: SystemUser | null;
}

/**
 * A data folder that Postgres can be started on: the one that is there, or a new one whose superuser is `postgres`.
 * Throws `StartFailure` when what is there is no data folder of this version, or may not be written.
 */
export function preparedCluster({ folder, password, programs, user }: ClusterOptions): { folder: string; isNew: boolean } {
  const reachable = reachableFolder(folder, user);
  if (!isEmpty(reachable)) {
    checkCluster(reachable);
    return { folder: reachable, isNew: false };
  }
  createCluster({ folder: reachable, password, programs, user });
  return { folder: reachable, isNew: true };
}

/** A folder below one that is closed to the user of Postgres becomes a link to one that is open to it. */
function reachableFolder(folder: string, user: SystemUser | null): string {
  if (user === null || canEnter(dirname(folder), user)) return folder;
  const link = lstatSync(folder, { throwIfNoEntry: false });
  if (link?.isSymbolicLink()) return readlinkSync(folder);
  if (link)
    throw new StartFailure(`The data folder ${folder} cannot be entered by the user ${user.name}: open the way to it, or move it away.`);

  // A name of its own each time: data whose link was deleted is not ours any more.
  mkdirSync(OPEN_FOLDER, { recursive: true, mode: 0o755 });
  const open = join(OPEN_FOLDER, `data-${randomBytes(8).toString("hex")}`);
  symlinkSync(open, folder);
  return open;
}

function isEmpty(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return true;
    throw new StartFailure(`The data folder ${folder} cannot be read: ${(error as Error).message}`);
  }
}

function checkCluster(folder: string): void {
  const versionFile = join(folder, "PG_VERSION");
  if (!existsSync(versionFile)) {
    throw new StartFailure(`The data folder ${folder} is broken: it is not empty and holds no database. Move it away to start anew.`);
  }
  const version = readFileSync(versionFile, "utf8").trim();
  if (version === MAJOR_VERSION) return;
  throw new StartFailure(
    `The data folder ${folder} belongs to Postgres ${version || "of no version"}, this is ${MAJOR_VERSION}: move it away to start anew.`,
  );
}

/** Made beside its place and renamed, so that a start cut off in the middle leaves no half of a database. */
function createCluster({ folder, password, programs, user }: ClusterOptions): void {
  const beside = `${folder}.new`;
  const passwordFile = `${folder}.password`;
  try {
    rmSync(beside, { recursive: true, force: true });
    mkdirSync(beside, { recursive: true, mode: 0o700 });
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    if (user) for (const path of [beside, passwordFile]) chownSync(path, user.uid, user.gid);
  } catch (error) {
    throw new StartFailure(`The data folder ${folder} cannot be made: ${(error as Error).message}`);
  }

  const flags = [
    `--pgdata=${beside}`,
    "--username=postgres",
    "--auth=scram-sha-256",
    `--pwfile=${passwordFile}`,
    "--encoding=UTF8",
    // The server's own UTF-8 rules: the same order on every system, whatever languages it has.
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
  ];
  const made = spawnSync(programs.initdb, flags, { encoding: "utf8", cwd: beside, ...(user && { uid: user.uid, gid: user.gid }) });
  rmSync(passwordFile, { force: true });
  if (made.status !== 0) {
    rmSync(beside, { recursive: true, force: true });
    throw new StartFailure(`The database could not be made in ${folder}: ${reason(made.stderr, made.error)}`);
  }
  if (existsSync(folder)) rmSync(folder, { recursive: true });
  renameSync(beside, folder);
  chmodSync(folder, 0o700);
}

function reason(stderr: string | null, error: Error | undefined): string {
  const line = (stderr ?? "").split("\n").find((text) => /error|fatal/i.test(text));
  return line?.trim() ?? error?.message ?? "initdb failed";
}
