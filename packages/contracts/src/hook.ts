import { randomBytes } from "node:crypto";
import { z } from "zod";
import { agentId } from "./ids.ts";

/** A way in for webhooks: its id stands in its address, its secret signs what comes. */
export const hookId = z.string().regex(/^hook_[0-9a-f]{24}$/, "is the id of no hook");
export const newHookId = (): string => `hook_${randomBytes(12).toString("hex")}`;

export const HOOK_ALGORITHMS = ["sha256", "sha384", "sha512"] as const;
export type HookAlgorithm = (typeof HOOK_ALGORITHMS)[number];

const template = z.string().max(20_000);

/**
 * What becomes of a delivery. The first mapping that fits is taken, those of presets before all others; without `match` it fits everything. Templates take
 * `{{ payload.a.b[0] }}`, `{{ headers.x-name }}`, `{{ query.name }}`, `{{ path }}`, `{{ now }}`; anything else is looked for in the payload.
 */
export const hookMapping = z
  .strictObject({
    id: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,64}$/)
      .optional(),
    /** Brings match, session and message of its own, as far as they are not given here. */
    preset: z.enum(["github", "gmail"]).optional(),
    match: z
      .strictObject({
        /** What stands behind the hook's own address; letter case and slashes at its ends do not count. */
        path: z.string().min(1).max(200).optional(),
        /** The payload's `source`. */
        source: z.string().min(1).max(200).optional(),
      })
      .optional(),
    agentId,
    /** Deliveries with the same one are turns of one conversation. */
    sessionKey: template.optional(),
    messageTemplate: template.optional(),
  })
  .describe("What becomes of a delivery.");
export type HookMapping = z.infer<typeof hookMapping>;

const hookFields = {
  name: z.string().trim().min(1).max(120),
  algorithm: z.enum(HOOK_ALGORITHMS),
  /** Refuses what bears no signed time. */
  requireTimestamp: z.boolean(),
  /** Takes nothing but `{event, source, data, timestamp?}`. */
  strict: z.boolean(),
  mappings: z.array(hookMapping).max(32),
};

export const createHookInput = z.object({
  name: hookFields.name,
  algorithm: hookFields.algorithm.default("sha256"),
  requireTimestamp: hookFields.requireTimestamp.default(false),
  strict: hookFields.strict.default(false),
  mappings: hookFields.mappings.default([]),
  /** One that the sender has made; a new one where it is left out. */
  secret: z.string().min(16).max(256).optional(),
});
export type CreateHook = z.infer<typeof createHookInput>;

export const changeHookInput = z.object({ hookId, ...z.object(hookFields).partial().shape });
export type ChangeHook = z.infer<typeof changeHookInput>;

/** How long the secret of before is good, too. */
export const overlapSeconds = z.int().min(0).max(2_592_000).default(86_400);
export const rotateHookInput = z.object({ hookId, overlapSeconds });
export const hookInput = z.object({ hookId });

export interface HookBody {
  name: string;
  algorithm: HookAlgorithm;
  requireTimestamp: boolean;
  strict: boolean;
  mappings: HookMapping[];
}

export interface Hook extends HookBody {
  id: string;
  organizationId: string;
  /** Where deliveries are posted; a path may follow. */
  url: string;
  createdAt: string;
}

/** The only time that the secret is shown; null where a call is repeated. */
export interface NewHook extends Hook {
  secret: string | null;
}

/** What a strict hook takes. */
export const strictDelivery = z.strictObject({
  event: z.string().min(1),
  source: z.string().min(1),
  data: z.record(z.string(), z.json()),
  timestamp: z.string().optional(),
});
