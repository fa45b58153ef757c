import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { Document } from "./document.ts";

/** Checks values against schemas of the document, each made once. */
export function validators({ components }: Document): (schema: object) => ValidateFunction {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: "document", components });
  const known = new Map<object, ValidateFunction>();
  return (schema) => {
    const text = JSON.stringify(schema).replaceAll('"#/components', '"document#/components');
    const validate = known.get(schema) ?? ajv.compile(JSON.parse(text) as object);
    known.set(schema, validate);
    return validate;
  };
}
