import { join } from "node:path";
import { type Child, type OnStarted, startChild } from "../services/child.ts";
import { freePort, isPortFree } from "../services/free-port.ts";
import { StartFailure } from "../services/start-failure.ts";
import { waitUntil } from "../services/wait-until.ts";
import { finalWords, hasLogged, waitsForChange } from "./app-log.ts";
import { type Folders, freshLog } from "./folders.ts";

const DEFAULT_PORT = 4766;
const PORTS_TRIED_MAX = 50;
/** What comes first takes a port: between the look and the api's own start somebody may. */
const API_STARTS_MAX = 5;
const READY_MS = 60_000;
/** Levels at which the worker would not say that it has started. */
const QUIET_LEVELS = ["warn", "error", "silent"];

export interface AppOptions {
  folders: Folders;
  environment: NodeJS.ProcessEnv;
  onStarted: OnStarted;
  /** Starts it again whenever one of its files changes. */
  watch: boolean;
}

/** The port that was asked for, which must be free; else 4766 or the next free one above it. */
export async function chosenPort(asked: string | undefined, host: string): Promise<number> {
  if (asked !== undefined && asked !== "") {
    const port = Number(asked);
    if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new StartFailure(`PORT is not a port: ${asked}`);
    if (port === 0) return freePort(host);
    if (await isPortFree(port, host)) return port;
    throw new StartFailure(`Port ${port} on ${host} is taken: stop what listens there, or start with another PORT.`);
  }
  for (let port = DEFAULT_PORT; port < DEFAULT_PORT + PORTS_TRIED_MAX; port++) {
    if (await isPortFree(port, host)) return port;
  }
  throw new StartFailure(`No port from ${DEFAULT_PORT} on is free on ${host}: start with PORT set.`);
}

/**
 * Starts the api and waits until it says that it and what it needs are ready. Answers its address. Where the port is ours to choose and
 * was taken since it was looked at, another one is.
 */
export async function startApi({
  host,
  port: asked,
  ...options
}: AppOptions & { host: string; port: string | undefined }): Promise<string> {
  for (let started = 1; ; started++) {
    const port = await chosenPort(asked, host);
    const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
    const child = await startApp("api", { ...options, environment: { ...options.environment, PORT: String(port) } });
    try {
      await ready(child, () => answers(`${url}/ready`));
      return url;
    } catch (error) {
      const lostThePort = child.hasExited() && finalWords(child.logFile).includes("EADDRINUSE");
      if (!lostThePort || started === API_STARTS_MAX) throw error;
    }
  }
}

/** Starts the worker and waits until it says that it takes work; it has no door to knock at. It says so at the level `info`. */
export async function startWorker(options: AppOptions): Promise<void> {
  const { environment } = options;
  const isQuiet = QUIET_LEVELS.includes(environment["LOG_LEVEL"] ?? "");
  const child = await startApp("worker", isQuiet ? { ...options, environment: { ...environment, LOG_LEVEL: "info" } } : options);
  await ready(child, () => Promise.resolve(hasLogged(child.logFile, "worker started")));
}

function startApp(name: "api" | "worker", { folders, environment, onStarted, watch }: AppOptions): Promise<Child> {
  return startChild({
    name,
    command: process.execPath,
    args: [...(watch ? ["--watch", "--watch-preserve-output"] : []), join(folders.root, "apps", name, "src", "main.ts")],
    logFile: freshLog(folders, name),
    cwd: folders.root,
    env: environment,
    // A worker finishes the step at hand first.
    stopMs: 30_000,
    onStarted,
  });
}

async function ready(child: Child, isReady: () => Promise<boolean>): Promise<void> {
  const hasFailed = () => child.hasExited() || waitsForChange(child.logFile);
  const hasSettled = await waitUntil(async () => hasFailed() || (await isReady()), READY_MS);
  if (hasFailed()) throw new StartFailure(`The ${child.name} did not start: ${finalWords(child.logFile)} (${child.logFile})`);
  if (!hasSettled) throw new StartFailure(`The ${child.name} is not ready after ${READY_MS / 1000} s (${child.logFile})`);
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
