import { RPC_METHOD_NAMES, rpcRow } from "@parley/router";

/** The methods of an installation without a configuration file. */
export const SERVED = RPC_METHOD_NAMES.filter((name) => !rpcRow(name).configFile);
