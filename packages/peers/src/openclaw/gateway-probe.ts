import { type GatewayStatus, isObject } from "@parley/contracts";
import type { GatewayProbe, PeerTarget } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";
import { parseJson, textOf } from "../json-shape.ts";
import { readBounded } from "../read-bounded.ts";
import { probeWithoutEchoes } from "../without-echoes.ts";
import { type LinePorts, openGatewayLine } from "./gateway-line.ts";
import { GatewayRefusal } from "./gateway-refusal.ts";
import { readJobs, readSessions } from "./read-lists.ts";

interface ProbePorts extends LinePorts {
  fetch: EgressFetch;
}

/** Where a gateway says that it is well, the first that answers. */
const HEALTH_PATHS = ["/api/status", "/healthz", "/health"];
const HEALTH_BYTES_MAX = 65_536;
const WELL = /^(ok|live|running|online|healthy|ready)$/i;
const SCOPES = ["operator.read"] as const;

type Health = GatewayStatus["healthDetail"];

/** How an OpenClaw gateway is: its health over HTTP, its sessions and jobs over its WebSocket. */
export function createGatewayProbe(ports: ProbePorts): GatewayProbe {
  const { fetch, bounds } = ports;

  async function healthAt(target: PeerTarget, path: string, signal: AbortSignal): Promise<Health> {
    const timed = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(bounds.gatewayAskMs / HEALTH_PATHS.length))]);
    const response = await fetch(new URL(path, target.endpoint), { signal: timed, redirect: "error" });
    const text = await readBounded(response, HEALTH_BYTES_MAX);
    if (!response.ok) return { ok: false, error: `${path} answers ${response.status}.` };
    const status = statusIn(text);
    if (status === null) return { ok: true };
    return WELL.test(status) ? { ok: true, status } : { ok: false, status, error: "It says that it is not well." };
  }

  async function health(target: PeerTarget, signal: AbortSignal): Promise<Health> {
    let last: Health = { ok: false, error: "It could not be reached." };
    for (const path of HEALTH_PATHS) {
      const seen = await healthAt(target, path, signal).catch((error: unknown): Health => ({ ok: false, error: wordsFor(error) }));
      signal.throwIfAborted();
      if (seen.ok) return seen;
      last = last.status === undefined ? seen : last;
    }
    return last;
  }

  async function lists(target: PeerTarget, signal: AbortSignal): Promise<Pick<GatewayStatus, "sessions" | "cron">> {
    const opening = openGatewayLine(ports, target, { scopes: SCOPES, signal });
    const ask = async (method: string, params: object): Promise<unknown> => (await opening).ask(method, params);
    try {
      const [sessions, jobs] = await Promise.allSettled([
        ask("sessions.list", { limit: 200 }),
        ask("cron.list", { includeDisabled: true }),
      ]);
      signal.throwIfAborted();
      return { sessions: part(sessions, readSessions, NO_SESSIONS), cron: part(jobs, readJobs, NO_JOBS) };
    } finally {
      await opening.then(({ close }) => close()).catch(() => {});
    }
  }

  return probeWithoutEchoes({
    async status(target, signal) {
      const [healthDetail, rest] = await Promise.all([health(target, signal), lists(target, signal)]);
      return { health: healthDetail.ok ? "healthy" : "unreachable", healthDetail, ...rest };
    },
  });
}

const NO_SESSIONS: GatewayStatus["sessions"] = { available: false, total: 0, active: 0, list: [], error: null };
const NO_JOBS: GatewayStatus["cron"] = { available: false, total: 0, enabled: 0, jobs: [], error: null };

/** What was answered, read; or why there is nothing. */
function part<Part>(answer: PromiseSettledResult<unknown>, read: (payload: unknown) => Part | null, none: Part): Part {
  if (answer.status === "rejected") return { ...none, error: wordsFor(answer.reason) };
  return read(answer.value) ?? { ...none, error: "Its answer could not be understood." };
}

function wordsFor(error: unknown): string {
  if (error instanceof GatewayRefusal) return `It refuses (${error.code.replace(/[^\w.-]/g, "").slice(0, 40)}).`;
  return "It could not be reached.";
}

/** Its own word for how it is; null where the answer has none. */
function statusIn(text: string): string | null {
  const read = parseJson(text);
  return isObject(read) ? (textOf(read.status)?.slice(0, 100) ?? null) : null;
}
