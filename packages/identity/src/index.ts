export * from "./api-key.ts";
export * from "./authenticator.ts";
export * from "./credential.ts";
