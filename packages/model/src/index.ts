export * from "./direct/direct-models.ts";
export * from "./models.ts";
export * from "./provider.ts";
export * from "./settings.ts";
