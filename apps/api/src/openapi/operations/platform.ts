import { createSessionInput, scope, ttlSeconds } from "@parley/contracts";
import { z } from "zod";
import { keyBody, keysQuery, organizationBody, rotateBody } from "../../admin.ts";
import { EXAMPLE_ORGANIZATION, ofExampleOrganization } from "../example-organization.ts";
import { body, created, json, type Operation, ok } from "../operation.ts";

const text = z.string();
const time = z.iso.datetime();
const uuid = z.uuid();
const coded = { envelope: "coded" } as const;
const plain = { envelope: "plain" } as const;

const file = z.object({
  id: text,
  content_type: text,
  size: z.int().min(0),
  file_name: text.nullable(),
  sha256: text,
  created_at: time,
  expires_at: time.nullable(),
});
const deleted = z.object({ id: text, deleted: z.literal(true) });
const bytes = { "*/*": {} };
const binary = text.meta({ format: "binary" });

const mediaOperations = {
  "media.upload": {
    ...plain,
    summary: "Upload a file",
    description: "The body is the file, named by `X-Filename`; or a form with the part `file`.",
    query: z.object({ ttl_seconds: ttlSeconds.optional() }),
    body: {
      isRequired: true,
      content: {
        "application/octet-stream": { schema: binary, example: "bytes" },
        "multipart/form-data": { schema: z.object({ file: binary }) },
      },
    },
    successes: created(file.extend({ url: text })),
    refusals: ["media_quota_full", "too_many_uploads"],
  },
  "media.get": {
    ...plain,
    summary: "Read a file",
    successes: [
      { status: 200, description: "The file.", content: bytes },
      { status: 206, description: "A part of it.", content: bytes },
      { status: 304, description: "The one that the client knows." },
    ],
    refusals: ["media_expired", "range_not_satisfiable"],
  },
  "media.meta": {
    ...plain,
    summary: "What is known of a file",
    successes: ok(file.extend({ contentType: text, savedAt: z.number() })),
    refusals: ["media_expired"],
  },
  "media.delete": { ...plain, summary: "Delete a file", successes: ok(deleted) },
} as const satisfies Record<string, Operation>;

const key = z
  .object({
    id: text,
    organization_id: uuid,
    name: text,
    prefix: text,
    scopes: z.array(scope),
    agent_ids: z.array(uuid).nullable(),
    expires_at: time.nullable(),
    revoked_at: time.nullable(),
    created_at: time,
    mcp: keyBody.shape.mcp.unwrap().unwrap().nullable(),
  })
  .meta({ id: "ApiKey" });
const secret = { api_key: text.nullable().meta({ description: "Shown once; null where a call is repeated." }) };
const admin = { ...coded, refusals: ["not_found"] } as const;

const adminOperations = {
  "admin.createOrganization": {
    ...coded,
    summary: "Make an organization",
    body: body(organizationBody, { name: "Example" }),
    successes: created(z.object({ id: uuid, name: text })),
  },
  "admin.createKey": {
    ...admin,
    summary: "Make a key",
    body: body(keyBody, { organization_id: EXAMPLE_ORGANIZATION, name: "Example", scopes: ["conversations:read"] }),
    successes: created(z.intersection(key, z.object(secret))),
  },
  "admin.listKeys": {
    ...admin,
    summary: "List an organization's keys",
    query: keysQuery.extend(ofExampleOrganization.shape),
    successes: ok(z.object({ api_keys: z.array(key), total: z.int(), page: z.int(), per_page: z.int() })),
  },
  "admin.rotateKey": {
    ...admin,
    summary: "Give a key another secret",
    body: body(rotateBody, { organization_id: EXAMPLE_ORGANIZATION, overlap_seconds: 60 }),
    successes: ok(z.intersection(key, z.object({ ...secret, previous_until: time }))),
  },
  "admin.revokeKey": {
    ...admin,
    summary: "Revoke a key",
    query: ofExampleOrganization,
    successes: ok(z.object({ id: text, revoked: z.literal(true) })),
  },
} as const satisfies Record<string, Operation>;

const session = z.object({ id: text, principal_id: text, name: text, created_at: time, seen_at: time, expires_at: time });
const csrf = { csrf_token: text.nullable() };

const identityOperations = {
  "ticket.create": {
    ...plain,
    summary: "Change a credential for a ticket that is good once",
    successes: created(z.object({ ticket: text, expires_in: z.int() })),
  },
  "login.create": {
    ...plain,
    summary: "Begin a browser's session",
    body: { isRequired: false, content: json(createSessionInput, { name: "Example" }) },
    successes: created(session.extend(csrf)),
  },
  "login.get": {
    ...plain,
    summary: "The session of this request",
    successes: ok(
      z.object({
        id: text,
        organization_id: uuid,
        principal_id: text,
        scopes: z.array(scope),
        agent_ids: z.array(uuid).nullable(),
        ...csrf,
      }),
    ),
    refusals: ["not_found"],
  },
  "login.list": { ...plain, summary: "List one's sessions", successes: ok(z.object({ sessions: z.array(session) })) },
  "login.revoke": { ...plain, summary: "End a session", successes: ok(z.object({ id: text, revoked: z.literal(true) })) },
} as const satisfies Record<string, Operation>;

const alive = z.looseObject({
  status: z.literal("ok"),
  version: text.optional(),
  health: z.literal("healthy").optional(),
  ready: z.boolean().optional(),
  uptime_seconds: z.int().min(0).optional(),
  runtime: z.looseObject({}).optional(),
  application: z.looseObject({}).optional(),
  system: z.looseObject({}).optional(),
});
const ready = z.object({ status: z.enum(["ready", "not_ready"]), parts: z.record(text, z.boolean()) });

const didKey = z.object({ id: text, type: text, controller: text, publicKeyBase58: text });
const didDocument = z.object({ "@context": z.array(text), id: text, authentication: z.array(didKey) });

const operationsOperations = {
  "operations.home": { ...coded, summary: "Leads to the dashboard", successes: [{ status: 302, description: "To `/app/`." }] },
  "operations.health": { ...coded, summary: "Whether the process serves", successes: ok(alive) },
  "operations.ready": {
    ...coded,
    summary: "Whether what a turn needs answers",
    successes: [
      { status: 200, description: "All of it.", content: json(ready) },
      { status: 503, description: "Not all of it.", content: json(ready) },
    ],
  },
  "operations.metrics": {
    ...coded,
    summary: "Figures for Prometheus",
    successes: [{ status: 200, description: "The exposition format.", content: { "text/plain": { schema: text } } }],
  },
  "operations.openapi": { ...coded, summary: "This document", successes: ok(z.looseObject({ openapi: text })) },
  "operations.did": {
    ...coded,
    summary: "The gateway's DID document",
    description: "Its public key, for peers that check its signatures. Only where it has an identity.",
    successes: [{ status: 200, description: "The same bytes each time.", content: { "application/did+json": { schema: didDocument } } }],
    refusals: ["not_found"],
  },
  "operations.docs": {
    ...coded,
    summary: "This document as a page",
    successes: [{ status: 200, description: "A page.", content: { "text/html": { schema: text } } }],
  },
} as const satisfies Record<string, Operation>;

const call = z.looseObject({
  jsonrpc: z.literal("2.0"),
  method: text,
  params: z.looseObject({}).optional(),
  id: z.union([text, z.number(), z.null()]).optional(),
});
const reply = z.looseObject({ jsonrpc: z.literal("2.0") });

const rpcOperations = {
  "rpc.call": {
    envelope: "rpc",
    summary: "Call methods by JSON-RPC 2.0",
    description: "One call or a batch. What was called is answered with 200, whatever came of it.",
    body: body(z.union([call, z.array(call).min(1)]), { jsonrpc: "2.0", method: "system.ping", id: 1 }),
    successes: [
      { status: 200, description: "The answers.", content: json(z.union([reply, z.array(reply)])) },
      { status: 204, description: "There is nothing to say." },
    ],
  },
  "mcp.call": {
    envelope: "rpc",
    summary: "The MCP server: streamable HTTP, stateless",
    description: "For MCP clients, which send `Accept: application/json, text/event-stream`.",
    body: body(z.looseObject({ jsonrpc: z.literal("2.0") }), { jsonrpc: "2.0", id: 1, method: "tools/list" }),
    successes: [
      { status: 200, description: "The answers, as server-sent events.", content: { "text/event-stream": { frames: reply } } },
      { status: 202, description: "Taken: nothing is to be said." },
      { status: 406, description: "The client does not take event streams." },
    ],
  },
} as const satisfies Record<string, Operation>;

const hookOperations = {
  "peer.push": {
    ...plain,
    summary: "Say that a task of a peer's has moved",
    description:
      "For peers that were given this address with a call, and a token in `X-A2A-Notification-Token`. What they send is not read.",
    successes: ok(z.object({ received: z.literal(true) })),
    refusals: ["unauthenticated"],
  },
  "hook.receive": {
    ...plain,
    summary: "Deliver to a webhook",
    description:
      "Signed in `x-webhook-signature` over the body, or over `<timestamp>.<body>` with `x-webhook-timestamp`. A repeated `x-webhook-id` is answered as the first.",
    body: { isRequired: true, content: json(z.unknown()) },
    successes: [
      {
        status: 202,
        description: "Kept.",
        content: json(z.object({ received: z.literal(true), mapping: text.nullable(), delivery: text })),
      },
    ],
    refusals: ["hook_refused", "hook_unmatched", "limit_reached", "too_many_deliveries", "secrets_not_configured"],
  },
} as const satisfies Record<string, Operation>;

/** Files, keys, sessions, and what operators and programs ask for. */
export const platformOperations = {
  ...mediaOperations,
  ...adminOperations,
  ...identityOperations,
  ...operationsOperations,
  ...rpcOperations,
  ...hookOperations,
};
