import { readTlsFiles, type TlsFiles } from "@parley/identity";
import { createDidIdentity, didFacts } from "@parley/peers";
import type { ConfigKeeper } from "@parley/settings";
import { createRecipeBook } from "@parley/tools";
import { createAttachments } from "./attachments.ts";
import { compose, type FrontRoomParts } from "./compose.ts";
import type { Config } from "./config.ts";
import { createHealth } from "./health.ts";
import { createHttp } from "./http.ts";
import { keepOwnConfig } from "./keep-own-config.ts";
import { createOpenStreams } from "./open-streams.ts";
import { createResponsesSocketDoor } from "./openai/responses/responses-socket-door.ts";
import { createRpcSocketDoor } from "./rpc/rpc-socket-door.ts";
import { listen } from "./server.ts";
import { createUpgrades } from "./upgrades.ts";
import { createWebSocketDoor } from "./ws.ts";

/** Throws where the files are not good. */
function tlsOf({ TLS_CERT_FILE: certificate, TLS_KEY_FILE: key, TLS_CA_FILE: authority }: Config): TlsFiles | null {
  return certificate === undefined || key === undefined ? null : readTlsFiles({ certificate, key, authority: authority ?? null });
}

function identityOf(config: Config) {
  const facts = didFacts(config);
  return facts === null ? null : createDidIdentity(facts);
}

interface Api {
  url: string;
  /** The configuration file's; null where there is none. */
  keeper: ConfigKeeper | null;
  /** Stops accepting, hands streams over, lets requests under way finish, closes everything. */
  stop(): Promise<void>;
}

/** Starts the front door. Rejects where its address cannot be had; nothing is left running then. */
export async function start(parts: FrontRoomParts): Promise<Api> {
  const { config, log, metrics } = parts;
  const tls = tlsOf(config);
  const { gateway, administration, responses, visitorOf, tickets, origins, sessionByHash, limits, aliases, window, sold, close } =
    compose(parts);
  const attachments = createAttachments({ authenticate: (credential) => gateway.authenticate(credential) });
  const streams = createOpenStreams({
    perCallerMax: limits.streamsPerCallerMax,
    onOpen: (door) => metrics.streamAttached({ door }),
  });
  const keeper = await keepOwnConfig({ ...parts, limits, origins, aliases }).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const closing = new AbortController();
  const rpc = { gateway, administration, log, limits, window, keeper, adminSecret: config.ADMIN_SECRET ?? null };
  const identity = identityOf(config);
  const recipes = createRecipeBook({ folder: config.RECIPES_DIR, limits, log });
  const doors = {
    rpc,
    gateway,
    responses,
    log,
    metrics,
    attachments,
    streams,
    visitorOf,
    tickets,
    sessionByHash,
    origins,
    isTls: tls !== null,
    adminSecret: config.ADMIN_SECRET ?? null,
    limits,
    modelsPublic: config.MODELS_PUBLIC,
    publicUrl: config.PUBLIC_URL ?? null,
    defaultHookId: config.HOOKS_DEFAULT_ID ?? null,
    defaultAgentId: config.A2A_DEFAULT_AGENT_ID ?? null,
    sold,
    didDocument: identity?.document ?? null,
    health: createHealth({
      planner: { models: config.PLANNER_MODEL, stepsMax: config.PLANNER_STEPS_MAX },
      did: identity?.did ?? null,
      recipeCount: async () => (await recipes.all()).size,
      isStopping: () => closing.signal.aborted,
    }),
    closing: closing.signal,
  };
  const openStream = streams.through("websocket");
  const sockets = createUpgrades(
    [
      createWebSocketDoor({ ...doors, openStream }),
      createResponsesSocketDoor({ ...doors, openStream }),
      createRpcSocketDoor({ ...doors, ...rpc, openStream: streams.through("rpc"), heartbeatMs: config.RPC_HEARTBEAT_MS }),
    ],
    origins,
  );
  const { HOST: host, PORT: port, CONNECTIONS_MAX: connectionsMax } = config;
  try {
    const server = await listen({ app: createHttp(doors), upgrade: sockets.upgrade, host, port, connectionsMax, tls });
    return {
      url: server.url,
      keeper,
      async stop() {
        closing.abort();
        keeper?.close();
        const closed = server.close(config.API_GRACE_MS);
        // Sockets are asked to go on elsewhere before they are closed, so that nothing they wait for is cut.
        sockets.close();
        attachments.close();
        await closed;
        await close();
      },
    };
  } catch (error) {
    keeper?.close();
    await close();
    throw error;
  }
}
