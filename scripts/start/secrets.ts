import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { StartFailure } from "../services/start-failure.ts";

const NAMES = ["postgres", "redis", "app", "sweep", "admin", "seal"] as const;

/** The passwords of one checkout: Postgres' owner, Redis, the two roles of the application, the operator's secret, and the key that seals others. */
export type Secrets = Record<(typeof NAMES)[number], string>;

/** Those written down at an earlier start, else new ones. Readable by their owner only. */
export function keptSecrets(file: string): Secrets {
  const kept = existsSync(file) ? read(file) : {};
  const missing = NAMES.filter((name) => typeof kept[name] !== "string");
  const secrets = { ...kept, ...Object.fromEntries(missing.map((name) => [name, randomBytes(32).toString("hex")])) } as Secrets;
  if (missing.length > 0) writeFileSync(file, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  return secrets;
}

function read(file: string): Partial<Secrets> {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Partial<Secrets>;
  } catch {
    throw new StartFailure(`${file} is broken: it holds the passwords of the data beside it, restore it or move the whole folder away.`);
  }
}
