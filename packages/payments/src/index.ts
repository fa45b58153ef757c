export * from "./create-card-payments.ts";
export * from "./create-offered-payments.ts";
export * from "./settings.ts";
export * from "./voucher-signer.ts";
