export { createDidIdentity, type DidFacts, type DidIdentity } from "./did/did-identity.ts";
export { didFacts, didProblems, didSettings } from "./did/did-settings.ts";
export { createDidResolver } from "./did/resolve-did.ts";
export { type SignedHeaders, signRequest } from "./did/sign-request.ts";
export { createSignatureCheck, type VerifyFacts, type VerifySignatures } from "./did/signature-check.ts";
export { type SignedArtifact, verifiedLabel } from "./did/verify-artifacts.ts";
export { createHydra, type Hydra } from "./oauth/hydra.ts";
export { hydraFacts, hydraProblems, hydraSettings } from "./oauth/hydra-settings.ts";
export { type ClientCredentials, createTokenProvider, type TokenProvider } from "./oauth/token-provider.ts";
