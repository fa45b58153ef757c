import { setTimeout as sleep } from "node:timers/promises";
import { type Exit, type Replica, startReplica, startTcpSwitch, type TcpSwitch } from "@parley/testkit";
import type { Span } from "../check/facts.ts";

export type Link = "postgres" | "redis" | "model";

export interface MemberOptions {
  app: "api" | "worker";
  entry: string;
  /** Where Postgres, Redis and the model really are. */
  targets: Record<Link, string>;
  /** The settings, with everything behind the member's own links. */
  environment(links: Record<Link, URL>): Record<string, string>;
  /** Told of an end that nobody ordered. */
  onCrash(what: string): void;
}

/** A process of an arena, started again whenever it ends, with a line of its own to everything it talks to. */
export interface Member {
  app: "api" | "worker";
  readonly pid: number;
  readonly url: string;
  /** Whether it serves: not frozen, not gone. */
  isUp(): boolean;
  reset(link: Link): void;
  /** The process is about to end because it was told to. Resolves when the next one serves. */
  ends(): Promise<void>;
  /** The process is about to stop itself; wakes it when `wake` resolves. Resolves with when it slept. */
  sleeps(wake: Promise<unknown>): Promise<Span>;
  close(): Promise<void>;
}

const RESTART_PAUSE_MS = 200;

export async function startMember({ app, entry, targets, environment, onCrash }: MemberOptions): Promise<Member> {
  const names = Object.keys(targets) as Link[];
  const opened = await Promise.all(names.map(async (name) => [name, await startTcpSwitch([targets[name]])] as const));
  const links = Object.fromEntries(opened) as Record<Link, TcpSwitch>;
  const urls = Object.fromEntries(opened.map(([name, link]) => [name, new URL(link.url)])) as Record<Link, URL>;
  const replica: Replica = await startReplica(app, environment(urls), entry);
  let isClosing = false;
  let isOrdered = false;
  let isUp = true;
  let isFrozen = false;
  let served = Promise.withResolvers<void>();

  const describe = ({ code, signal }: Exit): string =>
    `${app} ended by itself with ${signal ?? `code ${code}`}: ${replica.process.complaints.slice(-2_000)}`;

  async function restart(): Promise<void> {
    while (!isClosing) {
      try {
        return await replica.restart();
      } catch (error) {
        onCrash(`${app} did not start: ${String(error)}`);
        await sleep(RESTART_PAUSE_MS);
      }
    }
  }

  async function supervise(): Promise<void> {
    for (;;) {
      const exit = await replica.process.exited;
      isUp = false;
      if (isClosing) return;
      if (!isOrdered) onCrash(describe(exit));
      isOrdered = false;
      await restart();
      isUp = true;
      served.resolve();
      served = Promise.withResolvers();
    }
  }
  const supervised = supervise();

  return {
    app,
    get pid() {
      return replica.process.pid;
    },
    get url() {
      return replica.url;
    },
    isUp: () => isUp && !isFrozen,
    reset: (link) => links[link].reset(),
    ends() {
      isOrdered = true;
      return served.promise;
    },
    async sleeps(wake) {
      const { process } = replica;
      isFrozen = true;
      const fromMs = Date.now();
      await wake;
      process.signal("SIGCONT");
      isFrozen = false;
      return { fromMs, toMs: Date.now() };
    },
    async close() {
      isClosing = true;
      replica.process.signal("SIGCONT");
      await replica.close();
      await supervised;
      await Promise.all(Object.values(links).map((link) => link.close()));
    },
  };
}
