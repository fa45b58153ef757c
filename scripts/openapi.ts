import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openapiText } from "@parley/api/openapi";

/** Writes the document that the doors serve to `docs/openapi.json`. */
await writeFile(join(import.meta.dirname, "..", "docs", "openapi.json"), openapiText());
