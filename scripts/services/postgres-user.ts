import { spawnSync } from "node:child_process";
import { StartFailure } from "./start-failure.ts";

export interface SystemUser {
  name: string;
  uid: number;
  gid: number;
}

const OWN_USER = "parley";

/**
 * The user Postgres runs as. It refuses to run as root, so root runs it as the system's `postgres` user, or as a user
 * made for it here; anyone else runs it as themselves (null).
 */
export function postgresUser(): SystemUser | null {
  if (process.getuid?.() !== 0) return null;
  const known = systemUser("postgres") ?? systemUser(OWN_USER);
  if (known) return known;

  spawnSync("useradd", ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", OWN_USER]);
  const made = systemUser(OWN_USER);
  if (made) return made;
  throw new StartFailure(
    "Postgres cannot run as root and no user could be made for it: run this as an ordinary user, or set DATABASE_URL.",
  );
}

function systemUser(name: string): SystemUser | null {
  const uid = spawnSync("id", ["-u", name], { encoding: "utf8" });
  const gid = spawnSync("id", ["-g", name], { encoding: "utf8" });
  if (uid.status !== 0 || gid.status !== 0) return null;
  return { name, uid: Number(uid.stdout), gid: Number(gid.stdout) };
}
