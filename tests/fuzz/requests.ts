import * as fc from "fast-check";
import type { Document, Operation, Parameter, Schema } from "./document.ts";

/** A request to one operation, right or wrong. */
export interface FuzzRequest {
  operation: Operation;
  path: string;
  headers: Record<string, string>;
  body: string | null;
  credential: "ours" | "foreign" | "none" | "wrong";
}

/** A call that is sold: its body, and a credential for what it was offered for. */
export interface SoldCall {
  body: string;
  credential: string;
}

const DEPTH_MAX = 4;
/** How much more often a call is sold than any other is made: it has two dialects to be paid in. */
const SOLD_WEIGHT = 8;

const junk = fc.oneof(
  fc.constantFrom<unknown>(null, "", 0, -1, 1e308, true, [], {}, "__proto__", "\u0000", "\ud800", "%00", "../..", "a".repeat(5_000)),
  fc.string(),
  fc.jsonValue({ maxDepth: 3 }),
);

/** What fits a schema, as far as it is looked at; a few members do not. */
export function valueOf(schema: Schema, components: Schema, depth = 0): fc.Arbitrary<unknown> {
  const fitting = fittingOf(schema, components, depth);
  return fc.oneof({ weight: 12, arbitrary: fitting }, { weight: 1, arbitrary: junk });
}

function fittingOf(schema: Schema, components: Schema, depth: number): fc.Arbitrary<unknown> {
  const { $ref, anyOf, oneOf, allOf, type, properties, items, pattern, format } = schema;
  if (typeof $ref === "string") {
    const name = $ref.slice($ref.lastIndexOf("/") + 1);
    return fittingOf((components["schemas"] as Record<string, Schema>)[name] ?? {}, components, depth);
  }
  const choices = (anyOf ?? oneOf) as Schema[] | undefined;
  if (choices) return fc.oneof(...choices.map((choice) => fittingOf(choice, components, depth)));
  if (Array.isArray(allOf)) return fittingOf((allOf as Schema[])[0] ?? {}, components, depth);
  if (schema["const"] !== undefined) return fc.constant(schema["const"]);
  if (Array.isArray(schema["enum"])) return fc.constantFrom(...(schema["enum"] as unknown[]));
  if (format === "uuid") return fc.uuid();
  if (format === "uri") return fc.webUrl();
  if (format === "date-time") return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  if (typeof pattern === "string" && pattern.startsWith("^key_")) return fc.stringMatching(/^key_[0-9a-f]{24}$/);
  if (type === "string") return fc.string({ minLength: Number(schema["minLength"] ?? 0), maxLength: 40 });
  if (type === "integer") {
    const min = Number(schema["minimum"] ?? -5);
    return fc.integer({ min, max: Math.min(Number(schema["maximum"] ?? 100), Math.max(min, 0) + 100) });
  }
  if (type === "number") return fc.double({ noNaN: true });
  if (type === "boolean") return fc.boolean();
  if (type === "null") return fc.constant(null);
  if (depth >= DEPTH_MAX) return fc.constant(null);
  if (type === "array") return fc.array(valueOf((items ?? {}) as Schema, components, depth + 1), { maxLength: 3 });
  if (type === "object" && properties !== undefined) {
    const members = Object.fromEntries(
      Object.entries(properties as Record<string, Schema>).map(([name, member]) => [name, valueOf(member, components, depth + 1)]),
    );
    const required = (schema["required"] ?? []) as string[];
    return fc.record(members, { requiredKeys: required }) as fc.Arbitrary<unknown>;
  }
  return fc.jsonValue({ maxDepth: 2 });
}

const words = fc.oneof(fc.constantFrom("x", "%00", "%ff", "..%2f..", "__proto__", "-1", "0"), fc.string({ minLength: 1, maxLength: 20 }));
/** Not `.` or `..`: a URL's parser takes them, and what is before them, away, and another path is left. */
const encoded = (text: string): string => {
  if (text === "." || text === "..") return "...";
  return /^%|%2f/.test(text) ? text : encodeURIComponent(text.toWellFormed());
};

/** Mostly something that is there, or could be. */
const inPath = ({ name, schema }: Parameter, known: Record<string, string>, document: Document): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 5, arbitrary: fc.constant(known[name] ?? "x") },
    { weight: 2, arbitrary: valueOf(schema, document.components).map((value) => encoded(String(value ?? "x") || "x")) },
    { weight: 1, arbitrary: words.map(encoded) },
  );

const inQuery = ({ name, schema }: Parameter, known: Record<string, string>, document: Document): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant("") },
    { weight: 3, arbitrary: valueOf(schema, document.components).map((value) => `${name}=${encoded(String(value))}`) },
    { weight: 2, arbitrary: fc.constant(known[name] === undefined ? "" : `${name}=${known[name]}`) },
  );

/** A body of that schema, or JSON that is not of it, or none. */
function bodyOf({ body, method }: Operation, known: Record<string, string>, { components }: Document): fc.Arbitrary<string | null> {
  if (method === "GET") return fc.constant(null);
  if (body === null) return fc.oneof(fc.constant(null), fc.constant("{}"), fc.string());
  const named = (value: unknown): string =>
    JSON.stringify(value, (name, member: unknown) => (typeof member === "string" && known[name] !== undefined ? known[name] : member)) ??
    "null";
  return fc.oneof(
    { weight: 8, arbitrary: valueOf(body, components).map(named) },
    { weight: 1, arbitrary: junk.map((value) => JSON.stringify(value) ?? "null") },
    { weight: 1, arbitrary: fc.constantFrom("", "{", "[1,", "\u0000", '{"a":1}x', "null") },
  );
}

const isSold = ({ id }: Operation): boolean => id === "payment.gateway";

/** Header values are ASCII: all else is written as JSON can write it. */
const ascii = (value: unknown): string =>
  (JSON.stringify(value) ?? "null").replace(/[^\x20-\x7e]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** What a call is paid with, in both dialects: for an offer that was made, mostly, and of something that is nearly right, or not at all. */
function payments(offered: string): fc.Arbitrary<string> {
  const { challenge } = JSON.parse(Buffer.from(offered, "base64url").toString()) as { challenge: Schema & { id: string } };
  const hash = fc.constantFrom(`0x${"ab".repeat(32)}`, "0x76ab", "0x");
  const named = (wanted: unknown) => fc.oneof({ weight: 3, arbitrary: fc.constant(wanted) }, { weight: 1, arbitrary: junk });
  const plain = fc.record({
    scheme: fc.constant("Payment"),
    transaction: named(`0x${"cd".repeat(32)}`),
    challengeNonce: named(challenge.id),
  });
  const standard = fc.record(
    {
      challenge: fc.record({
        ...Object.fromEntries(Object.entries(challenge).map(([name, value]) => [name, fc.constant(value)])),
        id: named(challenge.id),
        method: fc.constantFrom("tempo", "tempo", "stripe", "\u0000"),
        intent: fc.constantFrom("charge", "charge", "session", ""),
      }),
      payload: fc.oneof(fc.record({ type: fc.constantFrom("hash", "transaction"), hash, signature: hash }), junk),
      source: named("did:pkh:eip155:1:0xab"),
    },
    { requiredKeys: ["challenge"] },
  );
  return fc
    .oneof(
      plain.map(ascii),
      standard.map((credential) => Buffer.from(ascii(credential)).toString("base64url")),
    )
    .map((credential) => `Payment ${credential}`);
}

/** Requests to all operations. `known` has, by the name of a parameter or member, what is there. */
export function requests(document: Document, known: Record<string, string>, sold: SoldCall): fc.Arbitrary<FuzzRequest> {
  // Each made once: to make them costs more than to send a request.
  const made = document.operations.map((operation) => {
    const placed = (place: Parameter["in"]): Parameter[] => operation.parameters.filter((parameter) => parameter.in === place);
    const paths = fc.tuple(...placed("path").map((parameter) => inPath(parameter, known, document)));
    const queries = fc.tuple(...placed("query").map((parameter) => inQuery(parameter, known, document)));
    return fc.record({
      operation: fc.constant(operation),
      path: fc.tuple(paths, queries).map(([values, query]) => {
        const bare = placed("path").reduce((path, { name }, index) => path.replace(`{${name}}`, values[index] ?? "x"), operation.path);
        const text = query.filter((one) => one !== "").join("&");
        return text === "" ? bare : `${bare}?${text}`;
      }),
      headers: fc.record(
        {
          "idempotency-key": fc.constantFrom("a", "b", "k".repeat(256)),
          "last-event-id": fc.constantFrom("1-1", "x", "999999999999999-1"),
          "content-type": fc.constantFrom("application/json", "text/plain", "application/json; charset=utf-16"),
          "x-request-id": fc.constantFrom("id", "'"),
          ...(isSold(operation) && { "payment-authorization": payments(sold.credential) }),
        },
        { requiredKeys: [] },
      ) as fc.Arbitrary<Record<string, string>>,
      body: isSold(operation) ? fc.oneof(fc.constant(sold.body), bodyOf(operation, known, document)) : bodyOf(operation, known, document),
      credential: fc.oneof(
        { weight: 12, arbitrary: fc.constant("ours" as const) },
        { weight: 1, arbitrary: fc.constantFrom("foreign" as const, "none" as const, "wrong" as const) },
      ),
    });
  });
  return fc.oneof(
    ...made.map((arbitrary, index) => {
      const operation = document.operations[index];
      return { weight: operation !== undefined && isSold(operation) ? SOLD_WEIGHT : 1, arbitrary };
    }),
  );
}
