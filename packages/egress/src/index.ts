export * from "./egress.ts";
export * from "./egress-error.ts";
export type { Lookup, ResolvedAddress } from "./guarded-connector.ts";
export * from "./host-port.ts";
export type { RawRequest, RawResponse } from "./open-raw.ts";
export type { EgressSocket, SocketRequest } from "./open-socket.ts";
export * from "./scrubber.ts";
export type { EgressSecret } from "./secrets.ts";
export * from "./settings.ts";
