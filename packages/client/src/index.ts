export type { Api, CallOptions, SubscriptionCallbacks, Tracked } from "./api.ts";
export * from "./create-client.ts";
export * from "./refusal.ts";
export type * from "./routes.ts";
