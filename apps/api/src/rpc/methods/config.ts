import { GatewayError } from "@parley/contracts";
import type { ConfigKeeper } from "@parley/settings";
import { z } from "zod";
import { type MethodsOf, method, type RpcCall } from "../method.ts";

const name = z.string().min(1).max(200);
const section = name.optional();

function kept({ keeper }: RpcCall): ConfigKeeper {
  if (keeper === null) throw new GatewayError("internal", { detail: "a configuration method without a file" });
  return keeper;
}

/** A setting by section and key, or by both in one path. */
function placeOf({ section, key, path }: { section?: string | undefined; key?: string | undefined; path?: string | undefined }) {
  const [first = "", ...rest] = path?.split(".") ?? [];
  const place = { section: section ?? first, key: key ?? rest.join(".") };
  if (place.section !== "" && place.key !== "") return place;
  const missing = place.section === "" ? "section" : "key";
  throw new GatewayError("invalid_input", {
    issues: [{ path: [missing], code: "missing", message: "Is needed, or a path of both." }],
    text: `Missing required parameter: ${missing}`,
  });
}

/** The installation's configuration file. Secrets are never shown. */
export const config = {
  "config.get": method({ section }, (call, { section }) => kept(call).get(section).config),

  "config.read": method({ section }, (call, { section }) => kept(call).get(section)),

  "config.schema": method({ section }, (call, { section }) => ({
    schema: kept(call).schema(section),
    sections: kept(call).get().sections,
    ...(section !== undefined && { section }),
  })),

  "config.history": method({ limit: z.int().min(1).max(1_000).default(20), section }, async (call, options) => ({
    entries: await kept(call).history(options),
  })),

  "config.diff": method({ id: name }, async (call, { id }) => ({ id, changes: await kept(call).diff(id) })),

  /** `restarting` is never true: what needs a new start waits for the operator. */
  "config.patch": method(
    { section, key: section, path: section, value: z.json().default(null), summary: z.string().max(500).optional() },
    async (call, { value, summary, ...where }) => {
      const { administration, caller, once } = call;
      const change = { ...placeOf(where), value, summary, by: caller.principalId };
      const patched = await administration.changeOnce(caller, once, { input: change, run: () => kept(call).patch(change) });
      return { patched: true, section: change.section, key: change.key, ...patched };
    },
  ),

  "config.rollback": method({ id: name }, async (call, { id }) => {
    const { administration, caller, once } = call;
    const rolled = await administration.changeOnce(caller, once, { input: id, run: () => kept(call).rollback(id, caller.principalId) });
    return { rolledBack: true, ...rolled };
  }),
} satisfies MethodsOf<"config">;
