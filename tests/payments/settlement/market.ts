import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import {
  type FaultyLink,
  type LinkFault,
  type StripeServer,
  type System,
  startFaultyLink,
  startReplica,
  startStripeServer,
  startSystem,
} from "@parley/testkit";
import postgres from "postgres";
import { seededRandom } from "../../system/support/seeded-random.ts";
import { type PluginServer, startPluginServer } from "./plugin-server.ts";
import { type ScriptedChain, startScriptedChain } from "./scripted-chain.ts";

export const CHAIN_ID = 42_431;
export const REALM = "market.test";
export const TOKEN = "0x20c0000000000000000000000000000000000000";
export const RECIPIENT = "0x00000000000000000000000000000000000a9e77";
/** Of one call of the plugin `work`. */
export const PRICE_MICROS = 50_000;

const LINKS = ["client", "chain", "stripe", "plugin"] as const;
type LinkName = (typeof LINKS)[number];

/** A guard that is switched off, to see that the checker notices. */
export type BrokenGuard = "capture" | "keys" | "challenges" | "events" | "refunds" | "recovery";

/** The product between payers, a chain, Stripe and a plugin's server, with a wire that fails to each of them. */
export interface Market {
  system: System;
  chain: ScriptedChain;
  stripe: StripeServer;
  plugin: PluginServer;
  links: Record<LinkName, FaultyLink>;
  /** Whether some events are never told. Where another guard is off, that one is to be noticed. */
  losesEvents: boolean;
  /** As the owner. */
  sql: postgres.Sql;
  close(): Promise<void>;
}

const SOUND: readonly LinkFault[] = ["pass", "pass", "pass"];
/** What each wire does; whoever sends twice of itself is no wire's fault. */
const FAULTS: Record<LinkName, readonly LinkFault[]> = {
  client: [...SOUND, "drop-request", "drop-reply", "drop-reply", "leave", "duplicate", "repeat", "delay", "reorder"],
  chain: [...SOUND, "drop-request", "drop-reply", "duplicate", "delay", "reorder", "fail"],
  stripe: [...SOUND, "drop-request", "drop-reply", "duplicate", "repeat", "delay", "reorder", "fail"],
  plugin: [...SOUND, ...SOUND, "drop-request", "drop-reply", "duplicate", "delay", "reorder", "fail"],
};
const LATE_MS = 120;

const BROKEN_API = fileURLToPath(new URL("broken-api.ts", import.meta.url));

/** Two front doors and a worker; `broken` switches a guard of the doors off. */
export async function startMarket(seed: number, broken: BrokenGuard | null = null): Promise<Market> {
  const opened = new AsyncDisposableStack();
  try {
    const [chain, stripe, plugin] = await Promise.all([startScriptedChain(), startStripeServer(), startPluginServer()]);
    for (const server of [chain, stripe, plugin]) opened.defer(() => server.close());
    const targets: Record<LinkName, () => string> = {
      client: () => doors[turn++ % doors.length]?.url ?? "",
      chain: () => chain.url,
      stripe: () => stripe.url,
      plugin: () => plugin.url,
    };
    let turn = 0;
    let doors: { readonly url: string }[] = [];
    const open = async (name: LinkName): Promise<readonly [LinkName, FaultyLink]> => {
      const random = seededRandom(seed * 10 + LINKS.indexOf(name));
      const link = await startFaultyLink({
        target: targets[name],
        draw: () => ({ fault: FAULTS[name][Math.floor(random() * FAULTS[name].length)] ?? "pass", waitMs: random() * LATE_MS }),
      });
      opened.defer(() => link.close());
      return [name, link];
    };
    const links = Object.fromEntries(await Promise.all(LINKS.map(open))) as Market["links"];
    const system = await startSystem({
      apis: broken === null ? 2 : 1,
      allow: [links.chain.host, links.stripe.host, links.plugin.host],
      env: {
        PAYMENTS_CHAIN_ID: String(CHAIN_ID),
        MPP_SECRET_KEY: randomBytes(32).toString("hex"),
        MPP_RECIPIENT: RECIPIENT,
        MPP_RPC_URL: links.chain.url,
        MPP_REALM: REALM,
        STRIPE_SECRET_KEY: stripe.key,
        STRIPE_WEBHOOK_SECRET: stripe.webhookSecret,
        STRIPE_API_URL: links.stripe.url,
        STRIPE_NETWORK_ID: "profile_test",
        STRIPE_PLANS: JSON.stringify({ solo: { cents: 2900, credits: "30.00" }, label: { cents: 14_900, credits: "100.00" } }),
        // Without the guard there is one look, before anything was told.
        LIMIT_CARD_LOOK_MS: broken === "recovery" ? "86400000" : "1000",
        PUBLIC_URL: "http://market.test",
        PAYMENTS_PLUGINS: JSON.stringify({ work: { url: links.plugin.url }, costly: { url: links.plugin.url } }),
        BILLING_DEV_FUNDING: "true",
      },
    });
    opened.defer(() => system.close());
    doors = system.apis;
    if (broken !== null) {
      const replica = await startReplica("api", { ...system.environment, BROKEN_GUARD: broken }, BROKEN_API);
      opened.defer(() => replica.close());
      doors = [replica];
    }
    const sql = postgres(system.ownerUrl, { max: 4, onnotice: () => undefined });
    opened.defer(() => sql.end());
    await sql`insert into prices (kind, name, input_pico, output_pico, unit_pico, effective_from)
      values ('plugin', 'work', 0, 0, ${String(PRICE_MICROS * 1_000_000)}, '2020-01-01'), ('plugin', 'costly', 0, 0, 750000000000, '2020-01-01')`;
    const closing = opened.move();
    const losesEvents = broken === null || broken === "recovery";
    return { system, chain, stripe, plugin, links, losesEvents, sql, close: () => closing.disposeAsync() };
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
}
