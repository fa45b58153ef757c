import type { Local } from "./seed.ts";

/** The address, the key, and three things to try, ready to be copied to a terminal. */
export function nextSteps({ local, conversationId, elapsed }: { local: Local; conversationId: string | null; elapsed: string }): string {
  const { url, apiKey, agentId } = local;
  const curl = (path: string, body: string) =>
    [`    curl -N ${url}${path} \\`, `      -H 'x-api-key: ${apiKey}' -H 'content-type: application/json' \\`, `      -d '${body}'`].join(
      "\n",
    );
  return `  Parley is ready after ${elapsed}, and serves until Ctrl-C.

    address  ${url}
    key      ${apiKey}
    agent    ${agentId}   (all of this is in .parley/local.json, the logs are in .parley/logs)

  Three things to try next:

  1. Ask something, and watch the answer come:
${curl(`/v1/agents/${agentId}/gateway/invoke/stream`, '{"input":{"text":"Tell me a joke about queues"}}')}

  2. Go on with a conversation. Sent while it still answers, a message waits in its queue, whoever is connected:
${curl(`/v1/agents/${agentId}/gateway/conversations/${conversationId ?? "<its id>"}/messages`, '{"text":"And another one","run":true}')}

  3. The same from TypeScript, with types for every call, resumed after a cut (save as try.ts here, run with npx node try.ts):
    import { createClient } from "@parley/client";
    const parley = createClient({ url: "${url}", apiKey: "${apiKey}" });
    for await (const event of parley.ask({ agentId: "${agentId}", text: "Tell me a joke" })) console.log(event);
`;
}
