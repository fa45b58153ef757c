import { z } from "zod";
import { isNetwork } from "./client-address.ts";

const list = z
  .string()
  .default("")
  .transform((text) =>
    text
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ""),
  );

/** What says who a caller is, besides keys. */
export const identitySettings = z.object({
  /** Proxies whose `X-Forwarded-For` is believed: addresses and networks. */
  TRUSTED_PROXIES: list.pipe(z.array(z.string().refine(isNetwork, "must be an address or a network such as 10.0.0.0/8"))),
  /** Whether a key or token may stand in an address as `?token=`, where it ends up in logs. */
  QUERY_TOKENS: z.stringbool().default(false),
});
