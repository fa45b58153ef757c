export * from "./http-tools/http-tools.ts";
