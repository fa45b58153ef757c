import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type DatabaseServer, freshDatabase, type ModelServer, startModelServer, startTcpSwitch, UNCOUNTED } from "@parley/testkit";
import { type OpenclawServer, startOpenclawServer } from "@parley/testkit/openclaw-server";
import { type PeerServer, startPeerServer } from "@parley/testkit/peer-server";
import { startRedis } from "@parley/testkit/redis-server";
import { startToolServer, type ToolServer } from "@parley/testkit/tool-server";
import postgres from "postgres";
import type { Span } from "../check/facts.ts";
import type { FaultPlan } from "../plan/points.ts";
import type { BrokenPart } from "../processes/broken-build.ts";
import { chaosEnvironment } from "../processes/environment.ts";
import { startControlServer } from "./control-server.ts";
import { createFaultBoard, type FaultBoard } from "./fault-board.ts";
import { flushRedis } from "./flush-redis.ts";
import { type Link, type Member, startMember } from "./member.ts";
import { openSlot, type Slot } from "./open-slot.ts";
import { removeFence } from "./remove-fence.ts";
import { SCRIPTED_CLAW } from "./scripted-claw.ts";
import { scriptedReply } from "./scripted-reply.ts";
import { scriptedTool } from "./scripted-tool.ts";

const LEASE_MS = 1_000;
const HEARTBEAT_MS = 250;
/** An order to end is not a way to wait for all turns: most have to be given back. */
const GRACE_MS = 150;
/** A message that never went out is looked for at its peer for 3 s. */
const CANCELS_MAX = 3;

export interface ArenaOptions {
  /** Absent: that of the test run. */
  server?: DatabaseServer | undefined;
  /** Trials at a time. */
  slots: number;
  /** Default 2 and 3. */
  apis?: number;
  workers?: number;
  broken?: BrokenPart | "fence" | null;
}

/** The product under fire: real processes behind lines that can be cut, and a driver that knows what fails when. */
export interface Arena {
  slots: Slot[];
  apis: Member[];
  model: ModelServer;
  tools: ToolServer;
  peer: PeerServer;
  claw: OpenclawServer;
  /** As the owner, who sees everything. */
  sql: postgres.Sql;
  board: FaultBoard;
  /** When processes slept. */
  frozen: Span[];
  /** Cursors given to readers, by conversation. */
  witnessed: Map<string, Set<string>>;
  /** Ends of processes that nobody ordered. */
  crashes: string[];
  close(): Promise<void>;
}

/** Shorter than it takes to make a connection and use it. */
const STORM_EVERY_MS = 40;

async function storm(member: Member, forMs: number): Promise<void> {
  const untilMs = performance.now() + forMs;
  while (performance.now() < untilMs) {
    member.reset("postgres");
    await sleep(STORM_EVERY_MS);
  }
}

const LOOK_MS = 20;
/** A trial in which nobody ever takes over shows it elsewhere. */
const OVERTAKEN_MS_MAX = 30_000;

/** Resolves when the model is asked once more for a text that has `words` in it. */
async function askedAgain({ journal }: ModelServer, words: string): Promise<void> {
  const asked = (): number => journal.filter(({ body }) => JSON.stringify(body.messages)?.includes(words)).length;
  const before = asked();
  const untilMs = performance.now() + OVERTAKEN_MS_MAX;
  while (asked() === before && performance.now() < untilMs) await sleep(LOOK_MS);
}

const ENTRIES = join(import.meta.dirname, "..", "processes");

/** Starts everything and waits until it serves; where something fails, what was started before is ended. */
export async function startArena(options: ArenaOptions): Promise<Arena> {
  const { server, slots: slotCount, apis: apiCount = 2, workers: workerCount = 3, broken = null } = options;
  const opened = new AsyncDisposableStack();
  try {
    const database = await freshDatabase(server);
    opened.defer(() => database.drop());
    const redis = await startRedis();
    opened.use(redis);
    const model = await startModelServer();
    opened.defer(() => model.close());
    model.otherwise(scriptedReply());
    const tools = await startToolServer();
    opened.defer(() => tools.close());
    tools.otherwise(scriptedTool);
    const peer = await startPeerServer({ manner: "scripted" });
    opened.defer(() => peer.close());
    const claw = await startOpenclawServer(SCRIPTED_CLAW);
    opened.defer(() => claw.close());
    // One line for all: where a tool or a peer is stands in the agent's configuration.
    const toolLine = await startTcpSwitch([tools.url]);
    opened.defer(() => toolLine.close());
    const peerLine = await startTcpSwitch([peer.url]);
    opened.defer(() => peerLine.close());
    const clawLine = await startTcpSwitch([claw.url]);
    opened.defer(() => clawLine.close());
    const sql = postgres(database.ownerUrl, { max: 4, onnotice: () => undefined });
    opened.defer(() => sql.end());
    if (broken === "fence") await removeFence(sql);

    const members: Member[] = [];
    const frozen: Span[] = [];
    const crashes: string[] = [];
    const witnessed = new Map<string, Set<string>>();
    const board = createFaultBoard(enact);
    const control = await startControlServer({
      decide: board.decide,
      strike: board.strike,
      witness(conversationId, cursors) {
        const known = witnessed.get(conversationId) ?? new Set();
        for (const cursor of cursors) known.add(cursor);
        witnessed.set(conversationId, known);
      },
    });
    opened.defer(() => control.close());

    async function enact({ kind, holdMs, untilAskedFor }: FaultPlan, pid: number): Promise<{ over: Promise<void> }> {
      const member = members.find((one) => one.pid === pid);
      if (member === undefined) throw new Error(`No process has the id ${pid}.`);
      if (kind === "kill" || kind === "terminate") return { over: member.ends() };
      if (kind === "freeze") {
        const wake = Promise.all([sleep(holdMs), untilAskedFor !== undefined && askedAgain(model, untilAskedFor)]);
        return { over: member.sleeps(wake).then((span) => void frozen.push(span)) };
      }
      if (kind === "storm") return { over: storm(member, holdMs) };
      if (kind === "flush-redis") await flushRedis(redis.port);
      if (kind === "reset-tools") toolLine.reset();
      if (kind === "reset-peers") for (const line of [peerLine, clawLine]) line.reset();
      if (kind === "reset-postgres" || kind === "reset-redis" || kind === "reset-model") member.reset(kind.slice(6) as Link);
      return { over: Promise.resolve() };
    }

    const adminSecret = randomBytes(16).toString("hex");
    const through = (url: string, { port }: URL): string => Object.assign(new URL(url), { port }).href;
    const environment = (links: Record<Link, URL>): Record<string, string> => ({
      DATABASE_URL: through(database.url, links.postgres),
      DATABASE_SWEEP_URL: through(database.sweepUrl, links.postgres),
      REDIS_URL: links.redis.href.replace("http:", "redis:"),
      REDIS_PREFIX: "chaos",
      ADMIN_SECRET: adminSecret,
      ...UNCOUNTED,
      HOST: "127.0.0.1",
      PORT: "0",
      LEASE_MS: String(LEASE_MS),
      HEARTBEAT_MS: String(HEARTBEAT_MS),
      WORKER_GRACE_MS: String(GRACE_MS),
      API_GRACE_MS: "1000",
      // Short enough to be reached now and then.
      LIMIT_IDLE_QUEUE_GRACE_MS: "1500",
      LIMIT_QUEUED_MESSAGE_KEPT_MS: "4000",
      LOG_LEVEL: "info",
      LIMIT_PEER_CANCELS_MAX: String(CANCELS_MAX),
      EGRESS_ALLOW: [links.model.host, new URL(toolLine.url).host, new URL(peerLine.url).host, new URL(clawLine.url).host].join(),
      MODEL_BASE_URL: `${links.model.origin}/v1`,
      ...chaosEnvironment(control.port, broken === "fence" ? null : broken),
    });
    const start = (app: "api" | "worker"): Promise<Member> =>
      startMember({
        app,
        entry: join(ENTRIES, `chaos-${app}.ts`),
        targets: { postgres: database.ownerUrl, redis: redis.url, model: model.url },
        environment,
        onCrash: (what) => void crashes.push(what),
      });
    const starting = [
      ...Array.from({ length: apiCount }, () => start("api")),
      ...Array.from({ length: workerCount }, () => start("worker")),
    ];
    opened.defer(async () => {
      const started = await Promise.allSettled(starting);
      await Promise.all(started.flatMap((one) => (one.status === "fulfilled" ? [one.value.close()] : [])));
    });
    members.push(...(await Promise.all(starting)));
    const apis = members.filter(({ app }) => app === "api");
    const slots = await Promise.all(
      Array.from({ length: slotCount }, (_, index) =>
        openSlot({
          ...{ url: apis[0]?.url ?? "", adminSecret, name: `slot ${index}` },
          ...{ toolUrl: toolLine.url, peerUrl: peerLine.url, clawUrl: clawLine.url },
        }),
      ),
    );
    const closing = opened.move();
    return { slots, apis, model, tools, peer, claw, sql, board, frozen, witnessed, crashes, close: () => closing.disposeAsync() };
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
}
