import { MCP_TOOLS, SCOPES } from "@parley/contracts";
import { at, type System, startSystem } from "@parley/testkit";
import * as fc from "fast-check";
import { Challenge, Credential } from "mppx";
import { gatewayOf } from "../system/support/gateway-paths.ts";
import { type Document, readDocument } from "./document.ts";
import { type FuzzRequest, requests, type SoldCall } from "./requests.ts";
import { validators } from "./validators.ts";

/** Only what hangs takes so long. */
const HANG_MS = 30_000;

/** Calls are sold on a chain that nobody answers for. */
const SELLER = {
  MPP_SECRET_KEY: "f".repeat(64),
  MPP_RECIPIENT: "0x00000000000000000000000000000000000a9e77",
  MPP_RPC_URL: "http://127.0.0.1:9",
};

interface World {
  system: System;
  document: Document;
  known: Record<string, string>;
  sold: SoldCall;
  keys: Record<FuzzRequest["credential"], string | null> & { mcp: string };
}

/** A call that is offered, and a payment of it that no chain has heard of. */
async function sellCall(system: System): Promise<SoldCall> {
  const body = { message: "Sold" };
  const { headers } = await system.rest().call("/api/v1/gateway", { body, headers: { "x-payment-method": "mpp" } });
  const [challenge] = Challenge.fromResponseList(new Response(null, { status: 402, headers }));
  if (challenge === undefined) throw new Error("Nothing was offered.");
  const [, credential = ""] = Credential.serialize(Credential.from({ challenge, payload: {} })).split(" ");
  return { body: JSON.stringify(body), credential };
}

/** Something of each kind that a path may name. */
async function createWorld(system: System): Promise<World> {
  system.model.otherwise({ text: ["done"] });
  const agentId = await system.ours.newAgent();
  const conversation = String(at((await gatewayOf(system.rest(), agentId).invoke("Hello")).body, "id"));
  const media = String(at((await system.rest().call("/media", { method: "POST", body: "bytes" })).body, "id"));
  const peer = String(at((await system.rest().call("/v1/peers", { body: { name: "one", endpoint: system.tools.url } })).body, "id"));
  const theirs = await system.newTenant("theirs");
  const headers = { "x-admin-secret": system.adminSecret };
  const key = {
    organization_id: system.ours.organizationId,
    name: "made",
    scopes: ["mcp-client"],
    mcp: { tools: MCP_TOOLS, sessions: "*" },
  };
  const made = await system.rest(0, null).call("/admin/api-keys", { body: key, headers });
  const state = await gatewayOf(system.rest(), agentId).state(conversation);
  return {
    system,
    document: await readDocument(system),
    sold: await sellCall(system),
    known: {
      ...{ agent_id: agentId, conversation_id: conversation, task_id: conversation, media_id: media, peer_id: peer },
      ...{ organization_id: theirs.organizationId, after: String(at(state.body, "cursor")), model: "custom/scripted" },
    },
    keys: {
      ours: await system.ours.newKey({ scopes: [...SCOPES] }),
      foreign: theirs.apiKey,
      none: null,
      wrong: "agw_wrong",
      mcp: String(at(made.body, "api_key")),
    },
  };
}

function credentialOf({ system, keys }: World, { operation, credential }: FuzzRequest): Record<string, string> {
  if (operation.isAdmin) return credential === "ours" ? { "x-admin-secret": system.adminSecret } : {};
  const key = operation.id === "mcp.call" && credential === "ours" ? keys.mcp : keys[credential];
  return key === null ? {} : { "x-api-key": key };
}

interface Answer {
  status: number;
  /** Null where it is no JSON. */
  json: unknown;
}

/** The head of a stream is all that is waited for. */
async function send(world: World, request: FuzzRequest): Promise<Answer> {
  const gone = new AbortController();
  const response = await fetch(`${world.system.apis[0]?.url}${request.path}`, {
    method: request.operation.method,
    headers: {
      ...(request.body !== null && { "content-type": "application/json" }),
      ...(request.operation.id === "mcp.call" && { accept: "application/json, text/event-stream" }),
      ...request.headers,
      ...credentialOf(world, request),
    },
    ...(request.body !== null && { body: request.body }),
    redirect: "manual",
    signal: AbortSignal.any([gone.signal, AbortSignal.timeout(HANG_MS)]),
  });
  try {
    // A file may call itself JSON and be none: only what the document has as JSON is read.
    const isTold = request.operation.responses.get(response.status) != null;
    const isJson = isTold && response.headers.get("content-type")?.startsWith("application/json") === true;
    return { status: response.status, json: isJson ? await response.json() : null };
  } finally {
    gone.abort();
  }
}

export interface Fuzzed {
  requests: number;
  statuses: Map<number, number>;
}

/**
 * Sends requests made of the document for so long. Throws for an answer that the document does not have, a 500, or none at all; the
 * message has the seed and the smallest request that was found to do it.
 */
export async function runFuzz({ seed, forMs }: { seed: number; forMs: number }): Promise<Fuzzed> {
  const system = await startSystem({ env: SELLER });
  try {
    const world = await createWorld(system);
    const validatorOf = validators(world.document);
    const fuzzed: Fuzzed = { requests: 0, statuses: new Map() };
    await fc.assert(
      fc.asyncProperty(requests(world.document, world.known, world.sold), async (request) => {
        const { operation, path, body } = request;
        const where = `${operation.method} ${path} ${body?.slice(0, 500) ?? ""}`;
        const { status, json } = await send(world, request);
        fuzzed.requests += 1;
        fuzzed.statuses.set(status, (fuzzed.statuses.get(status) ?? 0) + 1);
        if (status === 500) throw new Error(`${where} is answered with 500: ${JSON.stringify(json)}`);
        const schema = operation.responses.get(status);
        // What path parameters become may be no path of this operation: then it is another's, or nobody's.
        if (schema === undefined)
          throw new Error(`${operation.id}: ${where} is answered with ${status}, which the document does not have.`);
        if (schema === null || json === null) return;
        const validate = validatorOf(schema);
        if (!validate(json))
          throw new Error(
            `${operation.id}: ${where} (${status}): ${JSON.stringify(validate.errors)} in ${JSON.stringify(json).slice(0, 500)}`,
          );
      }),
      { seed, numRuns: 10_000_000, interruptAfterTimeLimit: forMs, markInterruptAsFailure: false, endOnFailure: true },
    );
    return fuzzed;
  } finally {
    await system.close();
  }
}
