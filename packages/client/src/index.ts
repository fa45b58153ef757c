export type { Api, CallOptions, Fetch, SubscriptionCallbacks, Tracked } from "./api.ts";
export * from "./create-client.ts";
export * from "./refusal.ts";
export type * from "./routes.ts";
