import { existsSync } from "node:fs";
import { join } from "node:path";
import { onOrphaned } from "../bootstrap/on-orphaned.mjs";
import { StartFailure } from "../services/start-failure.ts";
import { finalWords } from "./app-log.ts";
import { chosenPort, startApi, startWorker } from "./apps.ts";
import { converse } from "./converse.ts";
import { asRole, startDatabases } from "./databases.ts";
import { chosenModel } from "./example-agents.ts";
import { allowedWith, isExample, startExamples } from "./example-peers.ts";
import { farLimits } from "./far-limits.ts";
import { type Folders, preparedFolders } from "./folders.ts";
import { nextSteps } from "./next-steps.ts";
import { createProgress, type Progress } from "./progress.ts";
import { claimCheckout } from "./run-record.ts";
import { keptSecrets } from "./secrets.ts";
import { type Local, planted, seeded } from "./seed.ts";
import { createSupervisor, type Supervisor } from "./supervisor.ts";

const root = join(import.meta.dirname, "..", "..");
const print = (line: string) => process.stdout.write(`${line}\n`);

await main();

async function main(): Promise<void> {
  const progress = createProgress(print, commandGivenMs());
  try {
    const local = join(root, ".env.local");
    // What is set already counts for more.
    if (existsSync(local)) process.loadEnvFile(local);
    const folders = preparedFolders(root);
    const supervisor = createSupervisor(await claimCheckout(join(folders.state, "run.json"), progress.note));
    // A reader that went away, as in `npm start | head`, ends nothing.
    for (const output of [process.stdout, process.stderr]) output.on("error", () => {});
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void end(supervisor, 0));
    onOrphaned(() => void end(supervisor, 0));
    await startAll({ folders, progress, supervisor }).catch(async (error: unknown) => {
      progress.close();
      if (!supervisor.isStopping()) tell(error);
      await end(supervisor, 1);
    });
  } catch (error) {
    tell(error);
    process.exit(1);
  }
}

/** Over a connection that is gone before the apps open theirs. */
async function plantedAt(databaseUrl: string, from: Parameters<typeof planted>[1]): ReturnType<typeof planted> {
  const { openDatabase } = await import("@parley/db");
  const database = openDatabase({ url: databaseUrl, pool: 1, prepare: false, applicationName: "parley-start" });
  try {
    return await planted(database, from);
  } finally {
    await database.close();
  }
}

async function startAll({
  folders,
  progress,
  supervisor,
}: {
  folders: Folders;
  progress: Progress;
  supervisor: Supervisor;
}): Promise<void> {
  const { onStarted } = supervisor;
  const watch = process.argv.includes("--watch");
  const host = process.env["HOST"] || "127.0.0.1";
  const port = process.env["PORT"];
  // What cannot be had is said before anything is started.
  await chosenPort(port, host);

  const secrets = keptSecrets(join(folders.state, "secrets.json"));
  const appPassword = process.env["DATABASE_APP_PASSWORD"] || secrets.app;
  const sweepPassword = process.env["DATABASE_SWEEP_PASSWORD"] || secrets.sweep;
  const adminSecret = process.env["ADMIN_SECRET"] || secrets.admin;

  // Loaded while the databases start.
  const loaded = import("@parley/db");
  const { ownerUrl, redisUrl } = await startDatabases({ folders, secrets, progress, onStarted });
  await progress.step("Migrations", async () => {
    const { migrate } = await loaded;
    await migrate({ ownerUrl, appPassword, sweepPassword });
  });

  const model = chosenModel(process.env);
  const databaseUrl = asRole(ownerUrl, "parley_app", appPassword);
  const seed = await plantedAt(databaseUrl, { state: folders.state, model });
  const peers = await progress.step(
    "Example peers",
    () => startExamples({ folders, onStarted }),
    (started) => `speak A2A on ${started.map(({ ports }) => ports.at(-1)).join(" and ")}`,
  );
  const environment = {
    ...process.env,
    ...farLimits(host, process.env),
    NODE_ENV: process.env["NODE_ENV"] || "production",
    DATABASE_URL: databaseUrl,
    DATABASE_SWEEP_URL: asRole(ownerUrl, "parley_sweep", sweepPassword),
    REDIS_URL: redisUrl,
    HOST: host,
    EGRESS_ALLOW: allowedWith(process.env["EGRESS_ALLOW"], peers),
    ADMIN_SECRET: adminSecret,
    // Where `GATEWAY_API_KEY` leads, and whose card stands at the root.
    DEFAULT_ORGANIZATION_ID: process.env["DEFAULT_ORGANIZATION_ID"] || seed.organizationId,
    A2A_DEFAULT_AGENT_ID: process.env["A2A_DEFAULT_AGENT_ID"] || seed.agentId,
    SECRETS_KEY: process.env["SECRETS_KEY"] || Buffer.from(secrets.seal, "hex").toString("base64"),
    RECIPES_DIR: process.env["RECIPES_DIR"] || join(root, "recipes"),
    PLANNER_MODEL: process.env["PLANNER_MODEL"] || model,
    MEDIA_DIR: process.env["MEDIA_DIR"] || join(folders.state, "media"),
  };
  const app = { folders, environment, onStarted, watch };
  const [url] = await Promise.all([
    progress.step(
      "Gateway (api)",
      () => startApi({ ...app, host, port }),
      (address) => `on ${address}`,
    ),
    progress.step(
      "Worker",
      () => startWorker(app),
      () => "takes work",
    ),
  ]);
  supervisor.watch(
    (child, how) =>
      void (isExample(child.name)
        ? print(`\n  The ${child.name} ended (${how}); the gateway goes on.`)
        : lost(supervisor, child.name, how, child.logFile)),
  );

  const { local, names } = await progress.step(
    "Key and example agents",
    () => seeded({ state: folders.state, url, adminSecret, model, seed, peers }),
    () => `${seed.isNew ? "made" : "kept"}, with the model ${model}`,
  );
  const conversationId = await showConversation(local, names);
  if (!supervisor.isStopping()) print(nextSteps({ local, conversationId, elapsed: progress.elapsed() }));
}

/** The gateway works without it, so a model that cannot be reached now ends nothing. */
async function showConversation(local: Local, names: Record<string, string>): Promise<string | null> {
  try {
    return await converse(local, names, (text) => process.stdout.write(text));
  } catch (error) {
    print(`\n  The example conversation did not work: ${(error as Error).message}\n`);
    return null;
  }
}

async function lost(supervisor: Supervisor, name: string, how: string, logFile: string): Promise<void> {
  // Killed from outside it had no time for last words.
  const words = how.startsWith("signal") ? "" : `: ${finalWords(logFile)}`;
  process.stderr.write(`\n${name} ended by itself (${how})${words} (${logFile})\n`);
  await end(supervisor, 1);
}

async function end(supervisor: Supervisor, code: number): Promise<void> {
  if (code === 0 && !supervisor.isStopping()) print("\n  Stopping what was started.");
  await supervisor.stop();
  process.exit(code);
}

/** On the clock of `performance.now`. Packages may have been installed before this process began. */
function commandGivenMs(): number {
  const given = Number(process.env["PARLEY_COMMAND_GIVEN_AT"]);
  return Number.isFinite(given) && given > 0 ? given - performance.timeOrigin : 0;
}

function tell(error: unknown): void {
  const text =
    error instanceof StartFailure ? error.message : `Parley did not start: ${error instanceof Error ? error.message : String(error)}`;
  process.stderr.write(`${text.replaceAll("\n", " ")}\n`);
}
