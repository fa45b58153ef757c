import { EVERY_SCOPE, organizationId, type Scope, scope } from "@parley/contracts";
import { z } from "zod";
import { textList } from "../text-list.ts";

/** Signatures that need a private key to make. With a shared secret, or none, whoever can read a public key could sign. */
const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"] as const;

/** `theirs=ours`, with `+` between several of ours. */
const scopeMap = textList.transform((entries, context) => {
  const map = new Map<string, Scope[]>();
  for (const entry of entries) {
    const cut = entry.lastIndexOf("=");
    const ours = z
      .array(scope)
      .min(1)
      .safeParse(entry.slice(cut + 1).split("+"));
    if (cut > 0 && ours.success) map.set(entry.slice(0, cut), ours.data);
    else context.addIssue({ code: "custom", message: `${entry} is not theirs=ours, where ours is a scope of this gateway` });
  }
  return map;
});

/** Tokens of another issuer. They are taken where `JWT_ISSUER` is set. */
export const jwtSettings = z.object({
  /** Must be each token's `iss`, exactly. */
  JWT_ISSUER: z.string().min(1).optional(),
  /** One of them must be in each token's `aud`. */
  JWT_AUDIENCE: textList,
  /** Where the issuer's public keys are. */
  JWT_JWKS_URL: z.url({ protocol: /^https?$/ }).optional(),
  JWT_ALGORITHMS: textList.prefault("RS256,ES256,PS256,EdDSA").pipe(z.array(z.enum(ALGORITHMS)).min(1)),
  /** By how much clocks may differ. */
  JWT_CLOCK_TOLERANCE_SECONDS: z.coerce.number().int().min(0).max(300).default(30),
  /** The claim with the scopes: a list, or words in a text. */
  JWT_SCOPE_CLAIM: z.string().min(1).default("scope"),
  /** What their scopes stand for here. Empty: those that are named like ours stand for themselves, but `*`. */
  JWT_SCOPE_MAP: scopeMap,
  /** The claim with the organization's id. */
  JWT_ORGANIZATION_CLAIM: z.string().min(1).default("organization_id"),
  /** The organization of every token, instead of the claim. */
  JWT_ORGANIZATION_ID: organizationId.optional(),
});

export interface JwtRules {
  issuer: string;
  audience: readonly string[];
  jwksUrl: string;
  algorithms: readonly string[];
  clockToleranceSeconds: number;
  scopeClaim: string;
  scopesFor(theirs: string): readonly Scope[];
  organizationClaim: string;
  organizationId: string | null;
}

/** What must stand together; the messages by the variable that lacks something. */
export function jwtProblems(settings: z.infer<typeof jwtSettings>): { path: string; message: string }[] {
  if (settings.JWT_ISSUER === undefined) return [];
  const problems: { path: string; message: string }[] = [];
  if (settings.JWT_AUDIENCE.length === 0) problems.push({ path: "JWT_AUDIENCE", message: "Is needed with JWT_ISSUER." });
  if (settings.JWT_JWKS_URL === undefined) problems.push({ path: "JWT_JWKS_URL", message: "Is needed with JWT_ISSUER." });
  return problems;
}

/** Null where no other issuer is trusted. */
export function jwtRules(settings: z.infer<typeof jwtSettings>): JwtRules | null {
  const { JWT_ISSUER: issuer, JWT_JWKS_URL: jwksUrl, JWT_SCOPE_MAP: map } = settings;
  if (issuer === undefined || jwksUrl === undefined) return null;
  const byName = (theirs: string): readonly Scope[] => {
    const known = scope.safeParse(theirs);
    return known.success && known.data !== EVERY_SCOPE ? [known.data] : [];
  };
  return {
    issuer,
    jwksUrl,
    audience: settings.JWT_AUDIENCE,
    algorithms: settings.JWT_ALGORITHMS,
    clockToleranceSeconds: settings.JWT_CLOCK_TOLERANCE_SECONDS,
    scopeClaim: settings.JWT_SCOPE_CLAIM,
    scopesFor: map.size === 0 ? byName : (theirs) => map.get(theirs) ?? [],
    organizationClaim: settings.JWT_ORGANIZATION_CLAIM,
    organizationId: settings.JWT_ORGANIZATION_ID ?? null,
  };
}
