import { migrate } from "@parley/db";

/** Brings the database of `DATABASE_OWNER_URL` to the newest schema; the passwords are those of the two roles made with it. */
const names = ["DATABASE_OWNER_URL", "DATABASE_APP_PASSWORD", "DATABASE_SWEEP_PASSWORD"] as const;
const [ownerUrl, appPassword, sweepPassword] = names.map((name) => process.env[name]);

if (!ownerUrl || !appPassword || !sweepPassword) {
  process.stderr.write(`Set ${names.filter((name) => !process.env[name]).join(", ")}.\n`);
  process.exitCode = 1;
} else {
  const applied = await migrate({ ownerUrl, appPassword, sweepPassword });
  process.stdout.write(applied.length === 0 ? "The database is up to date.\n" : `Applied ${applied.join(", ")}.\n`);
}
