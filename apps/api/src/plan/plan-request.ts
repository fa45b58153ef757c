import {
  BOUNDS,
  did,
  type ErrorIssue,
  GatewayError,
  type InlinePeer,
  inlinePeer,
  type Limits,
  peerSkill,
  peerTrust,
  toolSecretName,
} from "@parley/contracts";
import { type ToldMessage, toldHistory } from "@parley/domain";
import { issuesOf } from "@parley/router";
import { z } from "zod";

const text = z.string().max(BOUNDS.messageCharsMax.ceiling);
const taskId = z.string().min(1).max(500);

/** Names of variables are names of credentials that the operator has bound to hosts: no caller reads the environment. */
const agentAuth = z.discriminatedUnion("type", [
  z.object({ type: z.literal("none") }),
  z.object({ type: z.literal("bearer"), token: z.string().regex(/^[\x21-\x7e]{1,4096}$/, "must be 1 to 4096 visible ASCII characters") }),
  z.object({ type: z.literal("bearer_env"), envVar: toolSecretName }),
  z.object({ type: z.literal("did_signed"), tokenEnvVar: toolSecretName.optional() }),
]);

const planAgent = z.object({
  name: inlinePeer.shape.name,
  endpoint: inlinePeer.shape.endpoint,
  auth: agentAuth.optional(),
  trust: z
    .object({
      verifyDID: z.boolean().optional(),
      pinnedDID: did.optional(),
      pinnedKey: peerTrust.shape.pinnedKey,
      policy: z.enum(["strict", "lenient"]).optional(),
    })
    .optional(),
  skills: z.array(peerSkill).max(BOUNDS.peerSkillsMax.ceiling).default([]),
  sensitive: inlinePeer.shape.sensitive,
});

const preferences = z.looseObject({
  response_format: z.string().max(4_000).optional(),
  max_hops: z.int().positive().optional(),
  timeout_ms: z.int().min(1_000).max(21_600_000).optional(),
  max_steps: z.int().positive().optional(),
  abort_on_disconnect: z.boolean().optional(),
});

const historyMessage = z.object({
  role: z.enum(["user", "assistant"]),
  parts: z
    .array(z.object({ type: z.literal("text"), text }))
    .min(1)
    .max(1_000),
});

/** What a plan is asked with. Keys that are not here are ignored. */
export const planRequest = z.object({
  question: text.min(1),
  agents: z.array(planAgent).max(BOUNDS.peersPerAgentMax.ceiling).default([]),
  preferences: preferences.optional(),
  session_id: z.string().max(1_000).optional(),
  history: z.array(historyMessage).max(BOUNDS.planHistoryMax.ceiling).optional(),
  prior_summary: text.optional(),
  prior_task_ids: z.record(z.string().max(200), taskId).optional(),
});
export type PlanRequest = z.output<typeof planRequest>;

/** A plan as it was asked for. Throws `bad_request` with all that is wrong. */
export function readPlan(body: unknown, limits: Pick<Limits, "planHistoryMax">): PlanRequest {
  const parsed = planRequest.safeParse(body);
  if (!parsed.success) throw wrong(issuesOf(parsed.error));
  const { agents, history = [] } = parsed.data;
  const issues = collisions(agents);
  if (issues.length > 0) throw wrong(issues);
  if (history.length > limits.planHistoryMax) {
    throw wrong([{ path: ["history"], code: "too_big", message: `At most ${limits.planHistoryMax} messages.` }]);
  }
  return parsed.data;
}

const wrong = (issues: ErrorIssue[]): GatewayError =>
  new GatewayError("bad_request", {
    issues,
    text: issues.map(({ path, message }) => `${path.length === 0 ? "(root)" : path.join(".")}: ${message}`).join("; "),
  });

/** Skills that the protocol gives one tool id: agent and skill with all but letters, digits and `_` made `_`. */
function collisions(agents: PlanRequest["agents"]): ErrorIssue[] {
  const producers = new Map<string, string[]>();
  for (const { name, skills } of agents) {
    for (const { id } of skills) {
      const toolId = `call_${name}_${id}`.replace(/[^A-Za-z0-9_]/g, "_");
      producers.set(toolId, [...(producers.get(toolId) ?? []), `${name}/${id}`]);
    }
  }
  return [...producers]
    .filter(([, named]) => named.length > 1)
    .map(([toolId, named]) => ({ path: ["agents"], code: "custom", message: `${named.join(" and ")} have the same tool id ${toolId}.` }));
}

/** The agents of a plan, as the turn calls them. */
export const peersOf = ({ agents, prior_task_ids: tasks = {} }: PlanRequest): InlinePeer[] =>
  agents.map(({ name, endpoint, auth = { type: "none" }, trust = {}, ...rest }) => {
    const { verifyDID: verifyDid, pinnedDID: pinnedDid, ...others } = trust;
    const priorTaskId = Object.hasOwn(tasks, name) ? tasks[name] : undefined;
    return inlinePeer.parse({ name, endpoint, auth: authOf(auth), trust: { verifyDid, pinnedDid, ...others }, ...rest, priorTaskId });
  });

function authOf(auth: z.output<typeof agentAuth>): InlinePeer["auth"] {
  if (auth.type === "bearer_env") return { type: "secret", name: auth.envVar };
  if (auth.type === "did_signed")
    return auth.tokenEnvVar === undefined ? { type: auth.type } : { type: auth.type, secret: auth.tokenEnvVar };
  return auth;
}

/** What a plan without a session brings along; undefined where it goes on with one. */
export function pastOf({ history, prior_summary: priorSummary = "" }: PlanRequest, { summaryCharsMax }: Pick<Limits, "summaryCharsMax">) {
  if (history === undefined && priorSummary === "") return undefined;
  const told = (history ?? []).map(({ role, parts }): ToldMessage => ({ role, text: parts.map((part) => part.text).join("\n\n") }));
  return toldHistory(told, { priorSummary, summaryCharsMax });
}
