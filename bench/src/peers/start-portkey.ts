import { join } from "node:path";
import { freePort } from "../services/free-port.ts";
import { startProcess } from "../services/start-process.ts";
import { openAiTarget } from "../targets/openai-target.ts";
import type { Services, StartedTarget } from "../targets/started-target.ts";
import { installPeer } from "./install-peer.ts";

/** With later versions of the two, this release answers 500 to every stream. */
const MANIFEST = { dependencies: { "@portkey-ai/gateway": "1.15.2" }, overrides: { hono: "4.9.7", "@hono/node-server": "1.13.5" } };

/** Portkey's open gateway: a proxy without a queue, in front of the scripted model. */
export async function startPortkey({ upstreamUrl }: Services): Promise<StartedTarget> {
  const folder = await installPeer("portkey", MANIFEST);
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const gateway = await startProcess(
    "Portkey",
    [join(folder, "node_modules/@portkey-ai/gateway/build/start-server.js"), `--port=${port}`, "--headless"],
    {
      env: { TRUSTED_CUSTOM_HOSTS: "127.0.0.1" },
      ready: {
        port,
        check: () =>
          fetch(origin).then(
            (response) => response.ok,
            () => false,
          ),
      },
    },
  );
  const headers = { authorization: "Bearer bench", "x-portkey-provider": "openai", "x-portkey-custom-host": `${upstreamUrl}/v1` };
  return { target: openAiTarget("Portkey", origin, gateway, { headers }), stop: () => gateway.stop() };
}
