export * from "./http-tools/http-tools.ts";
export { type ToolSecret, toolSecrets, toolSettings } from "./tool-secrets.ts";
