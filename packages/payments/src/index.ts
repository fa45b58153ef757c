export * from "./create-card-payments.ts";
export * from "./create-chain-payments.ts";
export * from "./settings.ts";
export * from "./voucher-signer.ts";
