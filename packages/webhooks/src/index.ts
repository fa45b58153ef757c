export * from "./check-signature.ts";
export * from "./create-sender.ts";
