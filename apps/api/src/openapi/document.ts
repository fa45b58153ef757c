import { ERRORS, type ErrorCode } from "@parley/contracts";
import { type RestRoute, ROUTES, type RouteRow, routeRow } from "@parley/router";
import { type Json, schemaWriter } from "./json-schema.ts";
import type { Content, Envelope, Operation } from "./operation.ts";
import { operationOf, type RestName } from "./operations.ts";
import { MODEL_NAME, PARAMETERS } from "./parameters.ts";
import { byStatus, ENVELOPES, PAID_PROBLEM, refusalsOf } from "./refusals.ts";
import { SECURITY_SCHEMES, securityOf } from "./security.ts";

type Writer = ReturnType<typeof schemaWriter>;

/** One place of a route in the document. */
interface Place {
  name: RestName;
  row: RouteRow;
  route: RestRoute;
  /** Which of the route's places it is. */
  index: number;
  operation: Operation;
}

/** The group of a route, by the first part of its name. */
const GROUPS: Record<string, keyof typeof TAGS> = {
  turn: "Turns",
  conversation: "Conversations",
  card: "Cards",
  execution: "Executions",
  memory: "Memories",
  openai: "OpenAI",
  activity: "Dashboard",
  dashboard: "Dashboard",
  media: "Files",
  ticket: "Sessions",
  login: "Sessions",
  rpc: "Programs",
  mcp: "Programs",
  a2a: "A2A",
  hook: "Programs",
  peer: "Peers",
  billing: "Billing",
  admin: "Administration",
};

const TAGS = {
  Turns: "Messages become turns, which are waited for, streamed and replaced.",
  Conversations: "What a conversation does now, what waits in its queue, and all that was said.",
  Cards: "Questions of agents to their user, and calls that wait for an approval.",
  Executions: "Runs of agents: conversations, and the children that they have started.",
  Memories: "Facts that outlive their conversation.",
  Peers: "Agents of others that an organization's own may call.",
  OpenAI: "Models and agents as OpenAI's clients speak to them.",
  Dashboard: "What is going on in an organization, and chats in plain words.",
  Files: "Uploads.",
  Sessions: "Browsers' sessions, and tickets for what can send no header.",
  Programs: "JSON-RPC, MCP, and webhooks of others.",
  A2A: "Agents as other agents reach them: versions 1.0 and 0.3.",
  Billing: "What an organization has used, owes and may spend.",
  Administration: "Organizations and their keys, for the operator.",
  Operations: "For balancers, scrapers and readers.",
};

const IN_PATH = /(?:(?<!\\)[:*]|\{\/\*)(\w+)\}?/g;

/** What may have slashes is written `*id`, or `{/*path}` where it may be left out. */
const parameterOf = (whole: string, given: string) => (whole === "*id" ? MODEL_NAME : (PARAMETERS[given] ?? MODEL_NAME));

/** As OpenAPI writes it: `/v1/tasks/{task_id}`. */
const pathOf = (path: string): string =>
  path
    .replace(IN_PATH, (whole, given: string) => `${whole.startsWith("{/") ? "/" : ""}{${parameterOf(whole, given).name}}`)
    // A colon that is one, and begins no parameter.
    .replaceAll("\\:", ":");

const HEADERS = {
  "Idempotency-Key": {
    type: "string",
    minLength: 1,
    maxLength: 255,
    description: "A repeated call under the same key gets the first answer.",
  },
  "Last-Event-ID": { type: "string", description: "Goes on behind this event, and starts nothing." },
} as const;

const headerParameter = (name: keyof typeof HEADERS): Json => {
  const { description, ...schema } = HEADERS[name];
  return { name, in: "header", required: false, description, schema };
};

function parametersOf({ row, route, operation }: Place, { write }: Writer): Json[] {
  const inPath = [...route.path.matchAll(IN_PATH)].map(([whole, given = ""]) => {
    const { name, schema, example, description } = parameterOf(whole, given);
    return { name, in: "path", required: true, description, schema: write(schema, "input"), example };
  });
  const query = operation.query === undefined ? {} : (write(operation.query, "input") as { properties?: Json; required?: string[] });
  const inQuery = Object.entries(query.properties ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    required: query.required?.includes(name) ?? false,
    schema,
  }));
  return [
    ...inPath,
    ...inQuery,
    ...(row.idempotency === "key" ? [headerParameter("Idempotency-Key")] : []),
    ...Object.entries(operation.heads?.asked ?? {}).map(([name, description]) => ({
      ...{ name, in: "header", required: false, description, schema: { type: "string" } },
    })),
    ...(operation.resumes
      ? [headerParameter("Last-Event-ID"), { name: "after", in: "query", required: false, schema: { type: "string" } }]
      : []),
  ];
}

function contentOf(content: Record<string, Content>, { write }: Writer, io: "input" | "output"): Json {
  return Object.fromEntries(
    Object.entries(content).map(([type, { schema, frames, example }]) => [
      type,
      {
        ...(schema && { schema: write(schema, io) }),
        ...(frames && { schema: { type: "string", contentMediaType: "application/json", contentSchema: write(frames, io) } }),
        ...(example !== undefined && { example }),
      },
    ]),
  );
}

const RETRY_AFTER = { "Retry-After": { description: "Seconds.", schema: { type: "integer" } } };

function responsesOf({ row, route, operation }: Place, writer: Writer): Json {
  const heads =
    operation.heads &&
    Object.fromEntries(
      Object.entries(operation.heads.answered).map(([name, description]) => [name, { description, schema: { type: "string" } }]),
    );
  const answered = operation.successes.map(({ status, description, content }) => [
    String(status),
    { description, ...(heads && { headers: heads }), ...(content && { content: contentOf(content, writer, "output") }) },
  ]);
  const refused = [...byStatus(refusalsOf(row, route.path, operation))].map(([status, codes]) => [
    String(status),
    refusal(operation.envelope, { status, codes }, writer),
  ]);
  // The statuses of an operation's own answers are its own: `/ready` says 503 in its own words.
  return { ...Object.fromEntries(refused), ...Object.fromEntries(answered) } as Json;
}

/** Named by what it may say, so that routes which refuse alike share it. */
function refusal(envelope: Envelope, { status, codes }: { status: number; codes: ErrorCode[] }, writer: Writer): Json {
  const name = [envelope, ...[...codes].sort()].join(".");
  writer.responses[name] = {
    description: codes.map((code) => ERRORS[code].text).join(" "),
    ...((status === 429 || status === 503) && { headers: RETRY_AFTER }),
    content: {
      "application/json": { schema: writer.write(ENVELOPES[envelope], "output") },
      ...(envelope === "paid" && status === 402 && { "application/problem+json": { schema: writer.write(PAID_PROBLEM, "output") } }),
    },
  };
  return { $ref: `#/components/responses/${name}` };
}

const groupOf = (name: string): keyof typeof TAGS => GROUPS[name.slice(0, name.indexOf("."))] ?? "Operations";

function operationAt(place: Place, writer: Writer): Json {
  const { name, row, index, operation } = place;
  const notes = [operation.description, index > 0 && `The same as \`${pathOf(row.rest?.[0]?.path ?? "")}\`.`].filter(Boolean);
  return {
    operationId: index === 0 ? name : `${name}.${index + 1}`,
    tags: [groupOf(name)],
    summary: operation.summary,
    ...(notes.length > 0 && { description: notes.join(" ") }),
    security: securityOf(row),
    parameters: parametersOf(place, writer),
    ...(operation.body && {
      requestBody: { required: operation.body.isRequired, content: contentOf(operation.body.content, writer, "input") },
    }),
    responses: responsesOf(place, writer),
    "x-rate-limit": row.rateLimit,
    "x-metering": row.metering,
  };
}

/** Where plain HTTP has the routes of the registry, in its order. */
function placesOf(): Place[] {
  return (Object.keys(ROUTES) as (keyof typeof ROUTES)[]).flatMap((name) => {
    const row = routeRow(name);
    return (row.rest ?? []).map((route, index) => {
      const known = name as RestName;
      return { name: known, row, route, index, operation: operationOf(known, route.path) };
    });
  });
}

/** The OpenAPI 3.1 document of all plain HTTP doors, made of the registry, the doors' own schemas and the error table. */
export function openapiDocument(): Json {
  const writer = schemaWriter();
  const paths: Record<string, Json> = {};
  for (const place of placesOf()) {
    const path = pathOf(place.route.path);
    paths[path] = { ...paths[path], [place.route.method.toLowerCase()]: operationAt(place, writer) };
  }
  const tags = Object.entries(TAGS).map(([name, description]) => ({ name, description }));
  return {
    openapi: "3.1.1",
    info: {
      title: "Parley",
      version: "0.1.0",
      description: "An agent gateway. Every answer bears `x-request-id`; those of limited routes bear `RateLimit-*`.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags,
    paths,
    components: { securitySchemes: SECURITY_SCHEMES, responses: sorted(writer.responses), schemas: sorted(writer.components) },
  };
}

const sorted = (named: Record<string, Json>): Json => Object.fromEntries(Object.entries(named).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The same as it is kept beside the code. */
export const openapiText = (): string => `${JSON.stringify(openapiDocument(), null, 2)}\n`;
