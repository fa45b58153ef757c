export * from "./model-server/model-server.ts";
