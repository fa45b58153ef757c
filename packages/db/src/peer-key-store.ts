import type { PeerKeyStore } from "@parley/domain";
import { call } from "./call.ts";
import type { Sql } from "./connect.ts";

export const createPeerKeyStore = (sql: Sql): PeerKeyStore => ({
  pin: (organizationId, key, max) => call<string | null>(sql, "pin_peer_key", { ...key, organizationId, max }),
});
