import { exactHostPort } from "@parley/egress";
import { z } from "zod";

const url = z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, ""));

/** An Ory Hydra that gives this gateway tokens under its DID: both addresses, or neither. */
export const hydraSettings = z.object({
  HYDRA_ADMIN_URL: url.optional(),
  /** Where tokens are asked for, path and all. */
  HYDRA_TOKEN_URL: url.optional(),
  HYDRA_SCOPE: z.string().max(1_000).default("openid offline agent:read agent:write"),
  /** Exact `host:port`s of peers that a token of ours may be shown to. */
  HYDRA_HOSTS: z
    .string()
    .default("")
    .transform((text) => text.split(",").filter((entry) => entry.trim() !== ""))
    .pipe(z.array(exactHostPort)),
});
type HydraSettings = z.infer<typeof hydraSettings>;

export function hydraProblems(settings: HydraSettings & { DID_SEED?: unknown }): { path: string; message: string }[] {
  const { HYDRA_ADMIN_URL: admin, HYDRA_TOKEN_URL: token, DID_SEED: seed } = settings;
  const problems: { path: string; message: string }[] = [];
  if (admin === undefined && token !== undefined) problems.push({ path: "HYDRA_ADMIN_URL", message: "Is needed with HYDRA_TOKEN_URL." });
  if (token === undefined && admin !== undefined) problems.push({ path: "HYDRA_TOKEN_URL", message: "Is needed with HYDRA_ADMIN_URL." });
  if (admin !== undefined && seed === undefined) problems.push({ path: "DID_SEED", message: "Is needed with HYDRA_ADMIN_URL." });
  return problems;
}

export interface HydraFacts {
  adminUrl: string;
  tokenUrl: string;
  scope: string;
  hosts: string[];
}

/** Null where there is no Hydra. */
export function hydraFacts(settings: HydraSettings): HydraFacts | null {
  const { HYDRA_ADMIN_URL: adminUrl, HYDRA_TOKEN_URL: tokenUrl, HYDRA_SCOPE: scope, HYDRA_HOSTS: hosts } = settings;
  return adminUrl === undefined || tokenUrl === undefined ? null : { adminUrl, tokenUrl, scope, hosts };
}
