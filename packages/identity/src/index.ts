export * from "./api-key.ts";
export * from "./authenticator.ts";
export { addressKey, clientAddress, networkList } from "./client-address.ts";
export * from "./credential.ts";
export { type Counted, createRateLimiter, type RateLimiter } from "./limits/rate-limiter.ts";
export { identitySettings } from "./settings.ts";
