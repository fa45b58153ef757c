export * from "./model-server/model-server.ts";
export * from "./world/collect.ts";
export * from "./world/fresh-database.ts";
export * from "./world/open-world.ts";
export * from "./world/quiet-log.ts";
