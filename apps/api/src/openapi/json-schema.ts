import { z } from "zod";

export type Json = Record<string, unknown>;

const COMPONENTS = "#/components/schemas/";

/**
 * Makes JSON Schemas of zod's, as OpenAPI 3.1 has them. Schemas that are named go into `components`, once; `responses` are the document's
 * shared ones. Members that a document does not list may be there: answers grow.
 */
export function schemaWriter() {
  const components: Record<string, Json> = {};
  const responses: Record<string, Json> = {};

  function write(schema: z.ZodType, io: "input" | "output"): Json {
    const {
      $schema: _,
      $defs = {},
      ...whole
    } = z.toJSONSchema(schema, {
      io,
      unrepresentable: "any",
      override: ({ jsonSchema }) => {
        if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
        delete jsonSchema.propertyNames;
      },
    }) as Json & { $defs?: Record<string, Json> };
    for (const [name, definition] of Object.entries($defs)) {
      if (isNamed(name)) components[name] = relocated(definition) as Json;
    }
    const { id, ...own } = whole;
    if (typeof id !== "string") return relocated(own) as Json;
    components[id] = relocated(own) as Json;
    return { $ref: `${COMPONENTS}${id}` };
  }

  return { write, components, responses };
}

/** zod numbers what is recursive without a name: that is any JSON, which needs no schema. */
const isNamed = (name: string): boolean => !name.startsWith("__");

function relocated(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relocated);
  if (typeof value !== "object" || value === null) return value;
  if ("$ref" in value && typeof value.$ref === "string") {
    const name = value.$ref.replace("#/$defs/", "");
    return isNamed(name) ? { ...value, $ref: `${COMPONENTS}${name}` } : {};
  }
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, relocated(inner)]));
}
