import { isGatewayError, type Limits } from "@parley/contracts";
import { isDeeperThan } from "../../json-depth.ts";
import { bad, type Plugin, pluginFailed } from "./plugin.ts";
import { readBytes } from "./read-bytes.ts";

/** A plugin of the operator's own: who serves it. */
export interface ForwardedPlugin {
  url: string;
  /** Needs somebody who is known, or has paid. */
  auth: boolean;
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>;
type PluginLimits = Pick<Limits, "pluginMs" | "pluginBytesMax" | "jsonDepthMax">;

async function readAnswer(response: Response, { pluginBytesMax, jsonDepthMax }: PluginLimits): Promise<unknown> {
  if (!response.ok) throw pluginFailed(`its server answered ${response.status}`);
  const answer: unknown = JSON.parse((await readBytes(response.body ?? [], pluginBytesMax)).toString("utf8"));
  if (isDeeperThan(answer, jsonDepthMax)) throw pluginFailed("an answer that is nested too deep");
  return answer;
}

/** Passes the call on to its own server, as JSON. Whatever is not 2xx with JSON, in time and within bounds, has failed, and costs nothing. */
export const forwardPlugin = ({ url, auth }: ForwardedPlugin, fetch: Fetch, limits: PluginLimits): Plugin => ({
  auth,
  streams: false,
  usesModels: false,
  async prepare({ body, requestId, signal }) {
    const { plugin: _, ...rest } = body;
    if (Object.keys(rest).length === 0) throw bad("The body must be a JSON object with something in it.");
    return async () => {
      const over = new AbortController();
      try {
        const response = await fetch(url, {
          method: "POST",
          headers: { "content-type": "application/json", "x-request-id": requestId },
          body: JSON.stringify(rest),
          redirect: "error",
          signal: AbortSignal.any([signal, over.signal, AbortSignal.timeout(limits.pluginMs)]),
        });
        return await readAnswer(response, limits);
      } catch (cause) {
        if (isGatewayError(cause, "plugin_failed")) throw cause;
        throw pluginFailed(cause instanceof Error ? cause.message : "its server did not answer", cause);
      } finally {
        // What is not read any more is not sent either.
        over.abort();
      }
    };
  },
});
