import { GatewayError } from "@parley/contracts";
import { bad, type Json, type Plugin } from "./plugin.ts";

/** A plugin of the operator's own: who serves it. */
export interface ForwardedPlugin {
  url: string;
  /** Needs somebody who is known, or has paid. */
  auth: boolean;
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const FORWARD_MS = 120_000;

/** Passes the call on to its own server, as JSON. Whatever is not 2xx with JSON has failed, and costs nothing. */
export const forwardPlugin = ({ url, auth }: ForwardedPlugin, fetch: Fetch): Plugin => ({
  auth,
  streams: false,
  async prepare({ body, requestId, signal }) {
    const { plugin: _, ...rest } = body;
    if (Object.keys(rest).length === 0) throw bad("The body must be a JSON object with something in it.");
    return async () => {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", "x-request-id": requestId },
        body: JSON.stringify(rest),
        redirect: "error",
        signal: AbortSignal.any([signal, AbortSignal.timeout(FORWARD_MS)]),
      });
      const text = await response.text();
      if (!response.ok) throw new GatewayError("plugin_failed", { detail: `its server answered ${response.status}` });
      try {
        return JSON.parse(text) as Json;
      } catch (cause) {
        throw new GatewayError("plugin_failed", { cause, detail: "its server answered no JSON" });
      }
    };
  },
});
