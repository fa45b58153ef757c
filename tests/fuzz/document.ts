import { at, type System } from "@parley/testkit";

export type Schema = Record<string, unknown>;

export interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  required: boolean;
  schema: Schema;
}

/** One operation of the document, as far as it says what may be sent and answered. */
export interface Operation {
  id: string;
  method: string;
  path: string;
  parameters: Parameter[];
  /** Of a JSON body; null where there is none. */
  body: Schema | null;
  /** Statuses, and of those that are JSON the schema. */
  responses: Map<number, Schema | null>;
  isAdmin: boolean;
}

export interface Document {
  operations: Operation[];
  components: Schema;
}

const membersOf = (value: unknown): [string, Schema][] => Object.entries((value ?? {}) as Record<string, Schema>);

/** The document as the running system serves it. */
export async function readDocument(system: System): Promise<Document> {
  const { body } = await system.rest(0, null).call("/openapi.json");
  const resolved = (value: Schema): Schema => {
    const ref = value["$ref"];
    return typeof ref === "string" ? (at(body, ...ref.slice(2).split("/")) as Schema) : value;
  };
  const operations = membersOf(at(body, "paths")).flatMap(([path, methods]) =>
    membersOf(methods).map(([method, operation]) => ({
      id: String(operation["operationId"]),
      method: method.toUpperCase(),
      path,
      parameters: (operation["parameters"] ?? []) as Parameter[],
      body: (at(operation, "requestBody", "content", "application/json", "schema") as Schema | undefined) ?? null,
      responses: new Map(
        membersOf(operation["responses"]).map(([status, response]) => [
          Number(status),
          (at(resolved(response), "content", "application/json", "schema") as Schema | undefined) ?? null,
        ]),
      ),
      isAdmin: at(operation, "security", 0, "adminSecret") !== undefined,
    })),
  );
  return { operations, components: at(body, "components") as Schema };
}
