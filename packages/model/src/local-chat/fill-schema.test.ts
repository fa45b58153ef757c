import { askUserQuestions } from "@parley/contracts";
import type { JsonSchema } from "@parley/domain";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { fillSchema } from "./fill-schema.ts";

const TEXT = "Book 3 rooms in Paris for 12 nights, please";

const node: JsonSchema = {
  $defs: {
    node: {
      type: "object",
      properties: { name: { type: "string" }, next: { anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] } },
      required: ["name", "next"],
    },
  },
  $ref: "#/$defs/node",
};

const schemas: Record<string, JsonSchema> = {
  "a plain object": { type: "object", properties: { city: { type: "string" }, nights: { type: "integer" } }, required: ["city", "nights"] },
  lengths: {
    type: "object",
    properties: { a: { type: "string", maxLength: 5 }, b: { type: "string", minLength: 200 } },
    required: ["a", "b"],
  },
  bounds: { type: "integer", minimum: 5, maximum: 10 },
  "an exclusive bound": { type: "number", exclusiveMinimum: 1_000 },
  "an upper bound alone": { type: "integer", maximum: -5 },
  "a step": { type: "integer", minimum: 41, multipleOf: 10 },
  "an enum": { enum: ["slow", "fast"] },
  "a const": { type: "object", properties: { kind: { const: "hotel" } }, required: ["kind"] },
  "a nullable type": { type: ["string", "null"] },
  "a list": { type: "array", items: { type: "object", properties: { x: { type: "boolean" } }, required: ["x"] }, minItems: 3 },
  "a list of distinct texts": { type: "array", items: { type: "string" }, minItems: 3, uniqueItems: true },
  "an empty list": { type: "array", items: { type: "string" }, maxItems: 0 },
  "a pair": { type: "array", prefixItems: [{ type: "string" }, { type: "number" }] },
  formats: {
    type: "object",
    properties: {
      at: { type: "string", format: "date-time" },
      to: { type: "string", format: "email" },
      id: { type: "string", format: "uuid" },
    },
    required: ["at", "to", "id"],
  },
  "a pattern": { type: "string", pattern: "^[A-Z]{3}$" },
  "a pattern that a word fits": { type: "string", pattern: "^P[a-z]+$" },
  "all of": {
    allOf: [
      { type: "object", properties: { a: { type: "string" } }, required: ["a"] },
      { type: "object", properties: { b: { type: "number" } }, required: ["b"] },
    ],
  },
  "any of": { anyOf: [{ type: "null" }, { type: "object", properties: { a: { type: "string" } }, required: ["a"] }] },
  "a schema that contains itself": node,
  "deep nesting": {
    type: "object",
    properties: {
      a: {
        type: "object",
        properties: { b: { type: "object", properties: { c: { type: "integer", minimum: 1 } }, required: ["c"] } },
        required: ["b"],
      },
    },
    required: ["a"],
  },
  "questions for the user": z.toJSONSchema(askUserQuestions, { io: "input" }) as JsonSchema,
};

describe("fillSchema", () => {
  it.each(Object.entries(schemas))("gives valid JSON for %s", (_, schema) => {
    const value = fillSchema(schema, TEXT);
    expect(JSON.parse(JSON.stringify(value))).toEqual(value);
    expect(z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(value)).toMatchObject({ success: true });
  });

  it("takes texts and numbers from what the user said, and the first of an enum", () => {
    expect(fillSchema(schemas["a plain object"] ?? {}, TEXT)).toEqual({ city: TEXT, nights: 3 });
    expect(fillSchema({ type: "integer", minimum: 10 }, TEXT)).toBe(12);
    expect(fillSchema({ enum: ["slow", "fast"] }, TEXT)).toBe("slow");
    expect(fillSchema({ type: "string", pattern: "^P[a-z]+$" }, TEXT)).toBe("Paris");
  });

  it("an object that requires nothing still carries what the user said", () => {
    expect(fillSchema({ type: "object", properties: { query: { type: "string" }, page: { type: "integer" } } }, TEXT)).toEqual({
      query: TEXT,
    });
    expect(fillSchema({ type: "object", properties: {} }, TEXT)).toEqual({});
  });

  it("a required property named __proto__ is a property", () => {
    const schema = JSON.parse('{"type":"object","properties":{"__proto__":{"type":"integer"}},"required":["__proto__"]}');
    expect(JSON.stringify(fillSchema(schema, "7"))).toBe('{"__proto__":7}');
  });

  it("a reference to nowhere, a foreign pattern and an endless schema do no harm", () => {
    expect(fillSchema({ $ref: "#/$defs/gone" }, TEXT)).toBe(TEXT);
    expect(fillSchema({ $ref: "https://example.com/schema" }, TEXT)).toBe(TEXT);
    expect(fillSchema({ $ref: "#" }, TEXT)).toBe(TEXT);
    expect(fillSchema({ type: "string", pattern: "(?<" }, TEXT)).toBe(TEXT);
  });
});
