import type { JsonSchema } from "@parley/domain";
import { fillNumber } from "./fill-number.ts";
import { fillString } from "./fill-string.ts";

const DEPTH_MAX = 12;
/** Down to here lists that may be empty get an item. */
const EAGER_DEPTH_MAX = 5;
const ITEMS_MAX = 100;

interface Filling {
  root: JsonSchema;
  text: string;
  depth: number;
}

const isSchema = (value: unknown): value is JsonSchema => typeof value === "object" && value !== null && !Array.isArray(value);

const schemasOf = (value: unknown): JsonSchema[] => (Array.isArray(value) ? value.filter(isSchema) : []);

/** Follows `#/…` inside the same document; anything else is a schema that takes everything. */
const resolveRef = (ref: string, root: JsonSchema): JsonSchema => {
  if (!ref.startsWith("#")) return {};
  const steps = ref.slice(1).split("/").filter(Boolean);
  let found: unknown = root;
  for (const step of steps) {
    const key = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
    found = isSchema(found) && Object.hasOwn(found, key) ? found[key] : Array.isArray(found) ? found[Number(key)] : undefined;
  }
  return isSchema(found) ? found : {};
};

const merge = (base: JsonSchema, part: JsonSchema): JsonSchema => ({
  ...base,
  ...part,
  properties: { ...(isSchema(base.properties) ? base.properties : {}), ...(isSchema(part.properties) ? part.properties : {}) },
  required: [...new Set([base.required ?? [], part.required ?? []].flat())],
});

const isNull = (schema: JsonSchema): boolean => schema.type === "null" || schema.const === null;

/** The first choice that says something; deep inside a schema that contains itself, nothing where that is allowed. */
const choose = (choices: JsonSchema[], depth: number): JsonSchema =>
  (depth > EAGER_DEPTH_MAX ? choices.find(isNull) : undefined) ?? choices.find((choice) => !isNull(choice)) ?? { type: "null" };

/** The schema with its references and combinations settled: all of `allOf`, the first of `anyOf` or `oneOf` that is not null. */
const settle = (schema: JsonSchema, filling: Filling): JsonSchema => {
  let settled = schema;
  for (let step = 0; step < DEPTH_MAX; step += 1) {
    const { $ref, allOf, anyOf, oneOf, ...rest } = settled;
    const choices = schemasOf(anyOf ?? oneOf);
    if (typeof $ref === "string") settled = merge(rest, resolveRef($ref, filling.root));
    else if (schemasOf(allOf).length > 0) settled = schemasOf(allOf).reduce(merge, rest);
    else if (choices.length > 0) settled = merge(rest, choose(choices, filling.depth));
    else return settled;
  }
  return {};
};

const typeOf = (schema: JsonSchema): string => {
  const types = [schema.type ?? []].flat();
  const stated = types.find((type) => type !== "null") ?? types[0];
  if (typeof stated === "string") return stated;
  if (isSchema(schema.properties) && Object.keys(schema.properties).length > 0) return "object";
  if (schema.items !== undefined || schema.prefixItems !== undefined) return "array";
  return "string";
};

const fillObject = (schema: JsonSchema, filling: Filling): Record<string, unknown> => {
  const properties = isSchema(schema.properties) ? schema.properties : {};
  const required = [schema.required ?? []].flat().filter((name) => typeof name === "string");
  const known = Object.keys(properties);
  // Where nothing is required the first property still carries what the user said.
  const names =
    required.length === 0
      ? known.slice(0, 1)
      : [...known.filter((name) => required.includes(name)), ...required.filter((name) => !known.includes(name))];
  return Object.fromEntries(names.map((name) => [name, fill(Object.hasOwn(properties, name) ? properties[name] : {}, filling)]));
};

const fillArray = (schema: JsonSchema, filling: Filling): unknown[] => {
  const fixed = Array.isArray(schema.prefixItems) ? schema.prefixItems : [];
  const wanted = typeof schema.minItems === "number" ? schema.minItems : Math.max(fixed.length, filling.depth > EAGER_DEPTH_MAX ? 0 : 1);
  const most = typeof schema.maxItems === "number" ? schema.maxItems : ITEMS_MAX;
  const count = Math.min(wanted, most, ITEMS_MAX);
  return Array.from({ length: count }, (_, index) => {
    const item = fill(fixed[index] ?? schema.items ?? {}, filling);
    return schema.uniqueItems === true && index > 0 ? distinct(item, index, schema.items) : item;
  });
};

/** Equal items become different ones: the next of an enum, a numbered text, the next number. */
const distinct = (item: unknown, index: number, schema: unknown): unknown => {
  if (isSchema(schema) && Array.isArray(schema.enum)) return schema.enum[index % schema.enum.length];
  if (typeof item === "number") return item + index;
  return typeof item === "string" ? `${item} ${index + 1}` : item;
};

const fill = (given: unknown, outer: Filling): unknown => {
  if (!isSchema(given)) return outer.text;
  const filling = { ...outer, depth: outer.depth + 1 };
  if (filling.depth > DEPTH_MAX) return null;
  const schema = settle(given, filling);
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  switch (typeOf(schema)) {
    case "object":
      return fillObject(schema, filling);
    case "array":
      return fillArray(schema, filling);
    case "integer":
    case "number":
      return fillNumber(schema, filling.text);
    case "boolean":
      return true;
    case "null":
      return null;
    default:
      return fillString(schema, filling.text);
  }
};

/** A value that fits a JSON schema: texts and numbers come from what the user said, enums give their first value. */
export const fillSchema = (schema: JsonSchema, text: string): unknown => fill(schema, { root: schema, text, depth: 0 });
