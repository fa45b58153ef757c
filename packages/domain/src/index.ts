export * from "./clock.ts";
export * from "./gateway.ts";
export * from "./identity/caller.ts";
export * from "./job-queue.ts";
export * from "./log/live-tail.ts";
export * from "./log/log-store.ts";
export * from "./logger.ts";
export * from "./model/model.ts";
