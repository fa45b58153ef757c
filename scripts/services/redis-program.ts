import { spawnSync } from "node:child_process";
import { accessSync, chmodSync, constants, existsSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline/promises";
import { StartFailure } from "./start-failure.ts";

const NAMES = ["redis-server", "valkey-server"];
/** The first version with sharded publish and subscribe. */
const MAJOR_VERSION_MIN = 7;

interface Installer {
  /** As a person would type it. */
  words: string;
  run(): boolean;
}

/**
 * The Redis or Valkey on PATH. Where there is none, the system's package manager brings it: announced, asked for when
 * somebody sits at a terminal, and never with PARLEY_NO_SYSTEM_INSTALL=1. Throws `StartFailure` that says what to do.
 */
export async function redisProgram(announce: (text: string) => void): Promise<string> {
  const found = onPath();
  if (found) return checked(found);

  const installer = process.env["PARLEY_NO_SYSTEM_INSTALL"] === "1" ? null : systemInstaller();
  if (!installer) {
    throw new StartFailure("Redis is missing: install redis-server or valkey-server 7 or newer, or set REDIS_URL to one that runs.");
  }
  announce(`Redis is missing: installing it with \`${installer.words}\``);
  if (process.stdin.isTTY && !(await agreed()))
    throw new StartFailure("Redis is missing: install it yourself, or set REDIS_URL to one that runs.");
  const installed = installer.run() ? onPath() : null;
  if (installed) return checked(installed);
  throw new StartFailure(
    `Redis could not be installed with \`${installer.words}\`: install it yourself, or set REDIS_URL to one that runs.`,
  );
}

function onPath(): string | null {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const paths = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return paths.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function checked(program: string): string {
  const told = spawnSync(program, ["--version"], { encoding: "utf8" });
  const version = /v=(\d+)/.exec(told.stdout ?? "")?.[1];
  if (version !== undefined && Number(version) >= MAJOR_VERSION_MIN) return program;
  throw new StartFailure(
    `${program} is ${version ? `version ${version}` : "not to be run"}: Redis or Valkey 7 or newer is needed, or REDIS_URL.`,
  );
}

function systemInstaller(): Installer | null {
  if (process.platform === "darwin" && spawnSync("brew", ["--version"], { stdio: "ignore" }).status === 0) {
    return { words: "brew install redis", run: () => spawnSync("brew", ["install", "redis"], { stdio: "ignore" }).status === 0 };
  }
  if (process.platform === "linux" && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    return { words: "apt-get install redis-server", run: installWithApt };
  }
  return null;
}

async function agreed(): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question("  Go on? [Y/n] ");
  terminal.close();
  return !/^n/i.test(answer.trim());
}

/** Debian starts a service as it installs it; this file, while it is there, says not to: we start our own. */
const SERVICE_POLICY = "/usr/sbin/policy-rc.d";

function installWithApt(): boolean {
  const ownsPolicy = !existsSync(SERVICE_POLICY);
  if (ownsPolicy) {
    writeFileSync(SERVICE_POLICY, "#!/bin/sh\nexit 101\n");
    chmodSync(SERVICE_POLICY, 0o755);
  }
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const apt = (...args: string[]) => spawnSync("apt-get", ["-q", "-y", ...args], { env, stdio: "ignore" }).status === 0;
    const install = () => apt("install", "--no-install-recommends", "redis-server");
    // A bare image has no package lists, and old lists name packages that are gone.
    return install() || (apt("update") && install());
  } finally {
    if (ownsPolicy) rmSync(SERVICE_POLICY, { force: true });
  }
}
