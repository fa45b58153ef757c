import { ERRORS, type ErrorCode } from "@parley/contracts";
import { type RestRoute, type RouteName, routeRow } from "@parley/router";
import { at, eventFrames, type RestAnswer, type System } from "@parley/testkit";
import type { TrpcSocket } from "./trpc-socket.ts";

/** What a call answered, in what must be the same each time: of a stream its facts, without the pieces of text. */
export type Answer = { ok: unknown } | { code: string };

/** One way to call a route. `by` is where the key is named, where the door leaves the choice. */
export interface Way {
  where: string;
  call(input: Record<string, unknown>, key: string, by: "header" | "input"): Promise<Answer>;
}

const PIECES: ReadonlySet<unknown> = new Set(["chunk", "snapshot", "turn.delta", "turn.snapshot"]);

/** Without what a repeated call must or may say otherwise. */
function same(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const { replayed: _, updated_at: __, updatedAt: ___, ...rest } = value as Record<string, unknown>;
  return rest;
}

async function factsOf(answer: RestAnswer, isFirst: (data: unknown) => boolean): Promise<Answer> {
  const facts: unknown[] = [];
  async function* bytes() {
    yield new TextEncoder().encode(answer.text);
  }
  let last: string | null = null;
  for await (const { id, event, data } of eventFrames(bytes())) {
    // The first of two frames about one fact stands under the cursor before: here a piece of text has been there, there it has not.
    const under = id === last ? null : id;
    last = id;
    if (data === "" || event === "connected") continue;
    const value: unknown = JSON.parse(data);
    if (event === "serialized-error") return { code: String(at(value, "data", "code")) };
    const type = at(value, "type");
    if (type === "error") return { code: String(at(value, "data", "code")) };
    if (type === "connected" || PIECES.has(type)) continue;
    facts.push(isFirst(value) ? same(at(value, "data")) : [under, type]);
  }
  return { ok: facts };
}

/** Doors without codes have words: the code is the row that has them. */
const codeOf = (text: unknown): string => (Object.keys(ERRORS) as ErrorCode[]).find((code) => ERRORS[code].text === text) ?? String(text);

const NAMES: Record<string, string> = { taskId: "executionId", id: "keyId" };

/** Of the operator's routes of money, which take nothing that they do not know. */
const moneyBodyOf = (input: Record<string, unknown>) => ({
  ...{ organization_id: input.organizationId, amount_micros: input.amountMicros, reference: input.reference, mode: input.mode },
  ...{ kind: input.kind, name: input.name, input_pico: input.inputPico, effective_from: input.effectiveFrom, payment: input.payment },
});

/** Of calls that are sold, whose `input` is a text. */
const soldBodyOf = (input: Record<string, unknown>) => ({ message: input.text, agentId: input.agentId });
/** Of budgets, which are as strict. */
const budgetBodyOf = (input: Record<string, unknown>) => ({ scope: input.scope, period: input.period, limit_micros: input.limitMicros });

const STRICT = [
  ["/admin/billing", moneyBodyOf],
  ["/api/billing/budgets", budgetBodyOf],
  ["/api/v1/gateway", soldBodyOf],
] as const;

/** All that any other route reads; each door takes its own and leaves the rest. */
const bodyOf = (input: Record<string, unknown>) => ({
  ...moneyBodyOf(input),
  ...{ overlap_seconds: input.overlapSeconds, voice: input.voice, response_format: input.response_format },
  ...{ model: input.model, messages: input.messages, message: input.text, question: input.text, agentId: input.agentId },
  ...{ input: input.input ?? { text: input.text }, id: input.conversationId, text: input.text, run: true, decision_id: input.cardId },
  ...{ decision: input.decision, clear_queue: input.clearQueue, endpoint: input.endpoint, scopes: input.scopes },
  ...{ address: input.address, deposit: input.deposit, sessionId: input.sessionId },
  ...{
    userAddress: input.userAddress,
    plugin: input.plugin,
    signature: input.signature,
    cumulative: input.cumulative,
    expires: input.expires,
  },
  plan: input.plan,
  items: input.items,
  metadata: input.metadata,
  answers: [{ question_id: "q", free_text: at(input.answers, 0, "freeText") }],
});

/** An upload that holds the case's words. */
function formOf({ model, input }: Record<string, unknown>): FormData {
  const form = new FormData();
  form.append("model", String(model));
  form.append("file", new File([String(input)], "sound.wav", { type: "audio/wav" }));
  return form;
}

/** What stands in the address of those that send no body. */
function queryOf(input: Record<string, unknown>, { method, isAdmin }: { method: string; isAdmin: boolean }): string {
  if (input.pack !== undefined) return `?pack=${input.pack}`;
  if (method === "DELETE" && input.sessionId !== undefined) return `?sessionId=${input.sessionId}`;
  if (method === "GET") return `?${new URLSearchParams({ message: String(input.text), agentId: String(input.agentId) })}`;
  return isAdmin && method === "DELETE" ? `?organization_id=${input.organizationId}` : "";
}

/** The end of a chat's stream: pieces of text may be cut otherwise the second time. */
async function wholeAnswer({ text }: RestAnswer): Promise<Answer> {
  async function* bytes() {
    yield new TextEncoder().encode(text);
  }
  for await (const { event, data } of eventFrames(bytes())) {
    if (event === "done") return { ok: same(JSON.parse(data)) };
    if (event === "error") return { code: codeOf(at(JSON.parse(data), "error")) };
  }
  return { code: "no end" };
}

/** Of a plan's stream the session, the text and the end. */
async function wholePlan({ text }: RestAnswer): Promise<Answer> {
  async function* bytes() {
    yield new TextEncoder().encode(text);
  }
  const told: unknown[] = [];
  let said = "";
  for await (const { event, data } of eventFrames(bytes())) {
    if (event === "text.delta") said += String(at(JSON.parse(data), "delta"));
    else told.push([event, JSON.parse(data)]);
  }
  return { ok: [said, told] };
}

const restWay = (system: System, name: RouteName, { method, path }: RestRoute): Way => ({
  where: `${method} ${path}`,
  async call(input, key) {
    const isAdmin = path.startsWith("/admin");
    const concrete = path.replace(/:(\w+)/g, (_, parameter: string) => String(input[NAMES[parameter] ?? parameter]));
    const query = queryOf(input, { method, isAdmin });
    const headers = { "idempotency-key": key, ...(isAdmin && { "x-admin-secret": system.adminSecret }) };
    const json = STRICT.find(([prefix]) => path.startsWith(prefix))?.[1] ?? bodyOf;
    const body = method === "DELETE" || method === "GET" ? {} : { body: name === "openai.transcriptions" ? formOf(input) : json(input) };
    const answer = await system.rest().call(concrete + query, { method, headers, ...body });
    if (answer.status >= 300) {
      const refused = at(answer.body, "error", "code") ?? codeOf(at(answer.body, "detail") ?? at(answer.body, "error"));
      return { code: String(refused) };
    }
    if (name.startsWith("dashboard.chatStream")) return wholeAnswer(answer);
    if (name === "plan.run") return wholePlan(answer);
    return routeRow(name).kind === "subscription" ? factsOf(answer, () => false) : { ok: same(answer.body ?? answer.text) };
  },
});

const httpWay = (system: System, name: RouteName): Way => ({
  where: `${name} over HTTP`,
  async call(input, key, by) {
    const named = by === "header" ? { body: input, headers: { "idempotency-key": key } } : { body: { ...input, idempotencyKey: key } };
    const answer = await system.rest().call(`/trpc/${name}`, named);
    const isFirst = (item: unknown): boolean => ["submitted", "draining", "decided"].includes(String(at(item, "type")));
    if (routeRow(name).kind === "subscription") return factsOf(answer, isFirst);
    const error = at(answer.body, "error");
    return error === undefined ? { ok: same(at(answer.body, "result", "data")) } : { code: String(at(error, "data", "code")) };
  },
});

const socketWay = (socket: TrpcSocket, name: RouteName): Way => ({
  where: `${name} over WebSocket`,
  async call(input, key) {
    const method = routeRow(name).kind === "subscription" ? "subscription" : "mutation";
    const { error, result } = await socket.call(method, name, { ...input, idempotencyKey: key });
    if (error) return { code: error.data.code };
    return { ok: same(method === "mutation" ? result?.data : at(result?.data, "data", "data")) };
  },
});

/** Every way to call the route: each REST path, tRPC over HTTP and over a socket. */
export function waysTo(system: System, socket: TrpcSocket, name: RouteName): Way[] {
  const { rest = [], kind } = routeRow(name);
  const procedures = kind === null ? [] : [httpWay(system, name), socketWay(socket, name)];
  return [...rest.map((route) => restWay(system, name, route)), ...procedures];
}
