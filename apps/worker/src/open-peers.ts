import { createHash, randomBytes } from "node:crypto";
import type { Limits } from "@parley/contracts";
import type { Database } from "@parley/db";
import type { EnginePorts, Log } from "@parley/domain";
import type { Egress } from "@parley/egress";
import {
  createDidIdentity,
  createDidResolver,
  createHydra,
  createOpenclawClient,
  createPeerClient,
  createSignatureCheck,
  createTokenProvider,
  didFacts,
  hydraFacts,
  peersByProtocol,
} from "@parley/peers";
import { secretNameFor } from "@parley/tools";
import type { Config } from "./config.ts";

interface PeerParts {
  config: Config;
  database: Pick<Database, "peers" | "peerCalls" | "peerKeys">;
  egress: Pick<Egress, "fetch" | "socket">;
  limits: Limits;
  log: Log;
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** What calls other agents, and who we are to them. `known` makes us known where tokens come from, until the signal aborts. */
export function openPeers({ config, database, egress: { fetch, socket }, limits, log }: PeerParts): {
  peers: EnginePorts["peers"];
  known: (closing: AbortSignal) => Promise<void>;
} {
  const facts = didFacts(config);
  const identity = facts === null ? null : createDidIdentity(facts);
  const tokens = createTokenProvider({ fetch });
  const place = hydraFacts(config);
  const hydra =
    facts === null || identity === null || place === null
      ? null
      : createHydra({ facts: place, seed: facts.seed, identity, fetch, tokens, log, now: Date.now });
  const credentials = {
    findSecret: (organizationId: string, name: string) => secretNameFor(config.TOOL_SECRETS, organizationId, name),
    ...{ tokens, identity, hydra, now: Date.now },
  };
  const a2a = createPeerClient({
    ...{ fetch, credentials },
    verify: createSignatureCheck({ resolve: createDidResolver({ fetch }), keys: database.peerKeys, keysMax: limits.peerKeysMax }),
    bounds: limits,
  });
  const client = peersByProtocol(a2a, createOpenclawClient({ socket, credentials, bounds: limits }));
  return {
    peers: {
      ...{ peers: database.peers, calls: database.peerCalls, client, publicUrl: config.PUBLIC_URL ?? null },
      startHash: () => {
        const hash = createHash("sha256");
        return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest("hex") };
      },
      makeToken: () => {
        const token = randomBytes(32).toString("base64url");
        return { token, hash: sha256(token) };
      },
    },
    known: (closing) => hydra?.register(closing) ?? Promise.resolve(),
  };
}
