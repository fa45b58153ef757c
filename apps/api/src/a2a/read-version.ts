import { A2A_VERSIONS, type A2aVersion } from "@parley/contracts";
import { A2aError } from "@parley/peers";
import type { Request } from "express";

/** What the request says, in the header or the address; null where it says nothing, which means 0.3. */
function said({ headers, query }: Request): string | null {
  const named = headers["a2a-version"] ?? query["A2A-Version"];
  return typeof named === "string" && named.trim() !== "" ? named.trim() : null;
}

/** The version that a request speaks. Patches make no difference. Throws `version`. */
export function readVersion(request: Request): A2aVersion {
  const named = said(request);
  if (named === null) return "0.3";
  const known = A2A_VERSIONS.find((version) => named === version || new RegExp(`^${version.replace(".", "\\.")}\\.\\d{1,9}$`).test(named));
  if (known === undefined) throw new A2aError("version");
  return known;
}
