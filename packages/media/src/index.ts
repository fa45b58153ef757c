export * from "./open-blob-store.ts";
export * from "./settings.ts";
