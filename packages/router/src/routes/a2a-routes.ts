import type { RouteRow } from "./route-row.ts";
import { operation, read, rest } from "./row-parts.ts";

const AGENT = "/a2a/agents/:agentId";

/** Each of both versions' paths, the newer one's first. */
const both = (method: "GET" | "POST" | "DELETE", tail: string) => rest(method, `${AGENT}${tail}`, `${AGENT}/v1${tail}`);

/** What A2A itself says of repeating: a message by its id, a configuration by its own, and a task that is canceled stays so. */
const repeats = { mutating: true, idempotency: "own" } as const;
const ofTask = { kind: null, tenant: "agent" } as const;
const write = { ...repeats, metering: "none", rateLimit: "write", scope: "conversations:write" } as const;
const turn = { ...repeats, metering: "turn", rateLimit: "turn", scope: "conversations:write" } as const;
const reads = { ...read, scope: "conversations:read" } as const;

/** Our agents as A2A servers, versions 1.0 and 0.3. */
export const A2A_ROUTES = {
  /** Public, as those who have no credential yet learn from it which one they need. */
  "a2a.card": {
    ...operation,
    rateLimit: "anonymous",
    rest: rest(
      "GET",
      "/.well-known/agent-card.json",
      "/.well-known/agent.json",
      `${AGENT}/.well-known/agent-card.json`,
      `${AGENT}/.well-known/agent.json`,
    ),
  },
  /** JSON-RPC. Each of its methods is authorised by the row of the same operation below. */
  "a2a.call": { ...read, ...ofTask, scope: "authenticated", rest: rest("POST", AGENT) },
  "a2a.send": { ...turn, ...ofTask, rest: both("POST", "/message\\:send") },
  "a2a.stream": { ...turn, ...ofTask, attaches: true, rest: both("POST", "/message\\:stream") },
  "a2a.subscribe": {
    ...reads,
    ...ofTask,
    rateLimit: "stream",
    attaches: true,
    rest: [...both("GET", "/tasks/:servedTaskId\\:subscribe"), ...both("POST", "/tasks/:servedTaskId\\:subscribe")],
  },
  "a2a.get": { ...reads, ...ofTask, rest: both("GET", "/tasks/:servedTaskId") },
  "a2a.list": { ...reads, ...ofTask, rest: both("GET", "/tasks") },
  "a2a.cancel": { ...write, ...ofTask, rest: both("POST", "/tasks/:servedTaskId\\:cancel") },
  "a2a.createPush": { ...write, ...ofTask, rest: both("POST", "/tasks/:servedTaskId/pushNotificationConfigs") },
  "a2a.listPushes": { ...reads, ...ofTask, rest: both("GET", "/tasks/:servedTaskId/pushNotificationConfigs") },
  "a2a.getPush": { ...reads, ...ofTask, rest: both("GET", "/tasks/:servedTaskId/pushNotificationConfigs/:pushId") },
  "a2a.deletePush": { ...write, ...ofTask, rest: both("DELETE", "/tasks/:servedTaskId/pushNotificationConfigs/:pushId") },
  "a2a.extendedCard": {
    ...reads,
    ...ofTask,
    /** Whoever may do anything with agents, and no key for MCP alone. */
    scope: ["conversations:read", "conversations:write", "agents:read"],
    rest: rest("GET", `${AGENT}/extendedAgentCard`, `${AGENT}/v1/card`, `${AGENT}/agent/authenticatedExtendedCard`),
  },
} as const satisfies Record<string, RouteRow>;
