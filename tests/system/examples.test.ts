import { randomBytes, randomUUID } from "node:crypto";
import { MCP_SCOPE } from "@parley/contracts";
import { type RouteName, type RouteRow, routeRow } from "@parley/router";
import { at, type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { validators } from "../fuzz/validators.ts";
import { type Cases, changingRoutes } from "./support/changing-routes.ts";

type Json = Record<string, unknown>;

/** The examples name the same things everywhere: what stands in their places here. */
const PLACES: Readonly<Record<string, string>> = {
  "0198a000-0000-7000-8000-000000000001": "agentId",
  "0198a000-0000-7000-8000-000000000002": "conversationId",
  "0198a000-0000-7000-8000-000000000003": "messageId",
  "0198a000-0000-7000-8000-000000000004": "cardId",
  "0198a000-0000-7000-8000-000000000005": "memoryId",
  ses_000000000000000000000006: "sessionId",
  "00000000000000000000000000000007.txt": "mediaId",
  resp_0198a00000007000800000000000000a: "responseId",
  conv_0198a00000007000800000000000000b: "itemsId",
  msg_0198a00000007000800000000000000c: "itemId",
  key_000000000000000000000008: "keyId",
  "0198a000-0000-7000-8000-000000000009": "organizationId",
  "0198a000-0000-7000-8000-00000000000e": "servedTaskId",
  "0198a000-0000-7000-8000-000000000010": "budgetId",
  peer_000000000000000000000011: "peerId",
  [`job_${"0".repeat(64)}`]: "jobId",
};
/** As the examples call somebody who is told of a task. */
const PUSH_ID = "0198a000-0000-7000-8000-00000000000f";
/**
 * Only its sender can sign a delivery: `tests/webhooks` does. What needs Stripe, a wallet or money of its own is sent by `tests/payments`.
 */
const SIGNED: ReadonlySet<RouteName> = new Set<RouteName>([
  "hook.receive",
  "peer.push",
  "billing.subscribe",
  "billing.portal",
  "payment.checkout",
  "payment.portal",
  "payment.verify",
  "payment.event",
  "wallet.list",
  "wallet.open",
  "wallet.topUp",
  "wallet.close",
  "wallet.voucher",
  "admin.payBack",
]);

/** No agent is the default here. */
const OF_DEFAULT_AGENT = /^\/\.well-known\/agent/;

let system: System;
let document: unknown;
let cases: Cases;
let standing: Json;
let mcpKey: string;
/** A key has no session to be looked at. */
let sessionCookie: string;
beforeAll(async () => {
  const did = { DID_SEED: randomBytes(32).toString("base64"), DID_AUTHOR: "us@example.org", DID_NAME: "gateway" };
  // Nothing that waits may start by itself.
  system = await startSystem({ env: { ...did, LIMIT_IDLE_QUEUE_GRACE_MS: "3600000" } });
  document = (await system.rest(0, null).call("/openapi.json")).body;
  cases = await changingRoutes(system);
  const login = await system.rest().call("/api/session", { method: "POST" });
  sessionCookie = login.headers
    .getSetCookie()
    .map((cookie) => cookie.split(";")[0])
    .join("; ");
  mcpKey = await system.ours.newKey({ scopes: [MCP_SCOPE] });
});
afterAll(() => system?.close());

/** One of each thing that is only looked at. */
async function thingsToRead(): Promise<Json> {
  const idOf = async (path: string, body: unknown) => String(at((await system.rest().call(path, { body })).body, "id"));
  const { input } = await cases["turn.edit"]();
  const { input: page } = await cases["media.delete"]();
  const { input: items } = await cases["responses.deleteItem"]();
  const { input: peer } = await cases["peer.delete"]();
  const responseId = await idOf("/v1/responses", { model: "custom/scripted", input: "Hello" });
  const chat = await system.rest().call("/api/gateway/chat", { body: { message: "Hello", agentId: input["agentId"] } });
  const jobId = String(at(chat.body, "jobId"));
  return { ...input, ...page, ...items, ...peer, responseId, jobId, organizationId: system.ours.organizationId };
}

interface Example {
  name: RouteName;
  row: RouteRow;
  where: string;
  method: string;
  path: string;
  operation: Json;
}

const examples = (): Example[] =>
  Object.entries(at(document, "paths") as Json).flatMap(([path, methods]) =>
    Object.entries(methods as Json).map(([method, operation]) => {
      const name = String(at(operation, "operationId")).replace(/\.\d+$/, "") as RouteName;
      return {
        name,
        row: routeRow(name),
        where: `${method.toUpperCase()} ${path}`,
        method: method.toUpperCase(),
        path,
        operation: operation as Json,
      };
    }),
  );

/** An A2A task of its own, that is at work, and somebody who is told of it. */
async function servedTask(): Promise<Json> {
  const path = `/a2a/agents/${String(standing["agentId"])}`;
  const call = (method: string, params: object) =>
    system.rest().call(path, { body: { jsonrpc: "2.0", id: 1, method, params }, headers: { "a2a-version": "1.0" } });
  const message = { messageId: randomUUID(), role: "ROLE_USER", parts: [{ text: "hang" }] };
  const sent = await call("SendMessage", { message, configuration: { returnImmediately: true } });
  const servedTaskId = String(at(sent.body, "result", "task", "id"));
  await call("CreateTaskPushNotificationConfig", { taskId: servedTaskId, id: PUSH_ID, url: system.tools.url });
  return { ...standing, servedTaskId };
}

/** What the examples name, made for this call where it changes something: `executionId` is the conversation's. */
async function thingsFor({ name }: Example): Promise<Json> {
  if (name.startsWith("a2a.")) return servedTask();
  const made = name in cases ? (await cases[name as keyof Cases]()).input : {};
  const conversationId = made["conversationId"] ?? made["executionId"] ?? standing["conversationId"];
  return { ...standing, ...made, conversationId };
}

const filled = (text: string, things: Json): string =>
  Object.entries(PLACES).reduce((whole, [example, thing]) => whole.replaceAll(example, String(things[thing])), text);

function addressOf({ path, operation }: Example, things: Json): string {
  const parameters = (operation["parameters"] ?? []) as { name: string; in: string; example?: unknown; schema: { examples?: unknown[] } }[];
  const inPath = parameters.reduce(
    (whole, { name, in: place, example }) => (place === "path" ? whole.replace(`{${name}}`, String(example)) : whole),
    path,
  );
  const query = parameters.flatMap(({ name, in: place, schema }) =>
    place === "query" && schema.examples !== undefined ? [`${name}=${encodeURIComponent(String(schema.examples[0]))}`] : [],
  );
  return filled(query.length === 0 ? inPath : `${inPath}?${query.join("&")}`, things);
}

/** Each body of which the document has an example. */
function bodiesOf({ operation }: Example, things: Json): { type: string | null; body: string | FormData | null }[] {
  const content = Object.entries((at(operation, "requestBody", "content") ?? {}) as Json);
  const given = content.filter(([, one]) => at(one, "example") !== undefined);
  if (content.length === 0) return [{ type: null, body: null }];
  return given.map(([type, one]) => {
    const example = at(one, "example");
    if (type !== "multipart/form-data")
      return { type, body: filled(typeof example === "string" ? example : JSON.stringify(example), things) };
    const form = new FormData();
    for (const [member, value] of Object.entries(example as Json))
      form.append(member, member === "file" ? new File([String(value)], "sound.wav") : String(value));
    return { type: null, body: form };
  });
}

async function ask(example: Example, address: string, { type, body }: { type: string | null; body: string | FormData | null }) {
  const { name, row, method } = example;
  const leaving = new AbortController();
  const credential: Record<string, string> =
    name === "login.get"
      ? { cookie: sessionCookie }
      : row.scope === "admin_secret"
        ? { "x-admin-secret": system.adminSecret }
        : { "x-api-key": row.scope === MCP_SCOPE ? mcpKey : system.ours.apiKey };
  const response = await fetch(`${system.apis[0]?.url}${address}`, {
    method,
    redirect: "manual",
    signal: AbortSignal.any([leaving.signal, AbortSignal.timeout(20_000)]),
    headers: { accept: "application/json, text/event-stream", ...credential, ...(type !== null && { "content-type": type }) },
    ...(body !== null && { body }),
  });
  // What follows goes on for as long as anybody listens.
  const goesOn = row.attaches === true && !row.mutating;
  const text = goesOn ? "" : await response.text();
  leaving.abort();
  return { status: response.status, contentType: response.headers.get("content-type")?.split(";")[0] ?? null, text };
}

/** Sends the examples of one operation and says what was not as the document has it. */
async function mismatches(example: Example, validatorOf: ReturnType<typeof validators>): Promise<unknown[]> {
  const { where, operation } = example;
  const responses = operation["responses"] as Json;
  const [promised = ""] = Object.keys(responses);
  const things = await thingsFor(example);
  const bodies = bodiesOf(example, things);
  const wrong: unknown[] = bodies.length === 0 ? [[where, "has a body and no example of it"]] : [];
  for (const body of bodies) {
    const { status, contentType, text } = await ask(example, addressOf(example, things), body);
    const content = (at(responses, promised, "content") ?? { "*/*": {} }) as Json;
    const isOfType = Object.keys(content).some((type) => contentType?.startsWith(type.replace(/\*.*/, "")) ?? type === "*/*");
    if (String(status) !== promised || !isOfType) wrong.push([where, status, contentType, text.slice(0, 300)]);
    const schema = at(content, contentType ?? "", "schema");
    if (contentType !== "application/json" || schema === undefined) continue;
    const isAsSaid = validatorOf(schema as object);
    if (!isAsSaid(JSON.parse(text))) wrong.push([where, isAsSaid.errors, text.slice(0, 300)]);
  }
  return wrong;
}

const AT_ONCE = 8;

test("every example of the document, sent as it stands, is answered as the document says that it is", async () => {
  standing = await thingsToRead();
  const validatorOf = validators({ operations: [], components: at(document, "components") as Json });
  const sent = examples().filter(({ name, path }) => !SIGNED.has(name) && !OF_DEFAULT_AGENT.test(path));
  expect(sent.length).toBeGreaterThan(90);
  const wrong: unknown[] = [];
  for (let next = 0; next < sent.length; next += AT_ONCE) {
    const some = sent.slice(next, next + AT_ONCE);
    wrong.push(...(await Promise.all(some.map((example) => mismatches(example, validatorOf)))).flat());
  }
  expect(wrong).toEqual([]);
});
