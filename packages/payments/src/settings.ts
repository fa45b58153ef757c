import { agentId, dollarsToMicros, MICROS_PER_CENT, organizationId, type Plan, planName, pluginName } from "@parley/contracts";
import { z } from "zod";

function readJson(text: string, context: z.RefinementCtx): unknown {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: "custom", message: "must be JSON" });
    return z.NEVER;
  }
}

/** A JSON object that names the operator's own plugins; null switches one off that is built in. */
const plugins = z
  .string()
  .default("{}")
  .transform(readJson)
  .pipe(z.record(pluginName, z.strictObject({ url: z.url({ protocol: /^https?$/ }), auth: z.boolean().default(false) }).nullable()));

const modelName = (standard: string) => z.string().min(1).max(200).default(standard);

const listed = (text: string): string[] => text.split(",").map((entry) => entry.trim());

/** A JSON object of what is sold by the month: cents, and the dollars of credit that each paid month gives. */
const plans = z
  .string()
  .default("{}")
  .transform(readJson)
  .pipe(
    z.record(
      planName,
      z.strictObject({
        cents: z.int().min(50).max(99_999_999),
        credits: z.string().refine((text) => dollarsToMicros(text) !== null, "must be dollars such as 30.00"),
      }),
    ),
  )
  .transform((sold): Plan[] =>
    Object.entries(sold).map(([name, { cents, credits }]) => ({
      name,
      priceMicros: cents * MICROS_PER_CENT,
      creditMicros: dollarsToMicros(credits) ?? 0,
    })),
  );

/** Money in. Whatever has no secret is switched off. */
export const paymentSettings = z.object({
  /** The chain that wallets sign for, and that is paid on: 4217 is Tempo's, 42431 its test network. */
  PAYMENTS_CHAIN_ID: z.coerce.number().int().min(1).max(2_147_483_647).default(4_217),
  /** The operator's own plugins of `/api/v1/gateway`: `{"name": {"url": "https://…", "auth": true}}`; null switches a built-in one off. */
  PAYMENTS_PLUGINS: plugins,
  /** Whose agents and models guests buy that pay on a chain; else the standard organization. */
  PAYMENTS_ORGANIZATION_ID: organizationId.optional(),
  /** The agent that is sold; else each organization's oldest. */
  PAYMENTS_AGENT_ID: agentId.optional(),
  PAYMENTS_TEXT_MODEL: modelName("local/chat"),
  PAYMENTS_SPEECH_MODEL: modelName("local/tts"),
  PAYMENTS_TRANSCRIPTION_MODEL: modelName("local/stt"),
  /** Binds what is asked of payers on the chain; with the two below it switches such payments on. */
  MPP_SECRET_KEY: z.string().min(32).max(500).optional(),
  /** Who is paid. */
  MPP_RECIPIENT: z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/, "must be an address")
    .optional(),
  MPP_RPC_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** Of the account that closes channels: the recipient's own, or one that collects in its name. With it, payment channels are offered. */
  MPP_ACCOUNT_KEY: z
    .string()
    .regex(/^0x[0-9a-fA-F]{64}$/, "must be a private key in hex")
    .optional(),
  /** The token; the standard one is pathUSD. */
  MPP_CURRENCY: z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/, "must be a token's address")
    .default("0x20c0000000000000000000000000000000000000"),
  MPP_REALM: z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/)
    .default("parley"),
  STRIPE_SECRET_KEY: z.string().min(8).max(500).optional(),
  /** Of the endpoint that Stripe tells its events; with commas: any of them, while one is changed for another. */
  STRIPE_WEBHOOK_SECRET: z
    .string()
    .transform(listed)
    .pipe(z.array(z.string().min(8).max(500)).max(4))
    .optional(),
  /** Whom payers share their tokens with, as Stripe knows us: with `MPP_SECRET_KEY` it switches single calls by card on. */
  STRIPE_NETWORK_ID: z.string().min(1).max(200).optional(),
  STRIPE_API_URL: z.url({ protocol: /^https?$/ }).default("https://api.stripe.com"),
  /** What is sold by the month: `{"solo": {"cents": 2900, "credits": "30.00"}}`. */
  STRIPE_PLANS: plans,
  /** Cents of the packs of credits that are sold. */
  STRIPE_PACKS: z
    .string()
    .default("500,1000,2500,5000")
    .transform((text) => listed(text).map(Number))
    .pipe(z.array(z.int().min(50).max(9_999_999)).min(1).max(20)),
});
export type PaymentSettings = z.infer<typeof paymentSettings>;
