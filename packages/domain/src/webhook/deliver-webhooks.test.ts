import { expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import type { Vault } from "../identity/vault.ts";
import { silentLog } from "../testing/silent-log.ts";
import { deliverWebhooks } from "./deliver-webhooks.ts";

const vault: Vault = {
  newSecret: () => "",
  seal: (secret) => secret,
  open(sealed) {
    if (sealed === "gone") throw new Error("sealed with another key");
    return sealed;
  },
};

/** Tries one delivery once: what was sent it by, what was written down, and what the log says. */
async function tried(secrets: string[], keys: Vault | null = vault) {
  const stop = new AbortController();
  const records: object[] = [];
  const warnings: unknown[] = [];
  const sent: string[][] = [];
  const due = { id: "d", organizationId: "o", endpointId: "e", attempt: 1, payload: {}, url: "https://endpoint.example", secrets };
  await deliverWebhooks(
    {
      outbox: { take: async () => (records.length === 0 ? [due] : []) },
      webhooks: {
        record: async (record) => {
          records.push(record);
          setImmediate(() => stop.abort());
          return false;
        },
      },
      send: async ({ secrets: opened }) => {
        sent.push(opened);
        return { status: 200, error: null, retryAfterMs: null };
      },
      log: { ...silentLog, warn: (fields) => void warnings.push(fields) },
      ...{ vault: keys, clock: systemClock, random: () => 0.5 },
      limits: { webhookAttemptsMax: 9, webhookTimeoutMs: 1_000, webhookFailingDays: 5 },
    },
    stop.signal,
  );
  return { sent, records, warnings };
}

test("a delivery whose secret does not open fails at its first try, unsent, with a reason that its record and the log have", async () => {
  for (const given of [await tried(["gone"]), await tried(["sound"], null)]) {
    expect(given.sent).toEqual([]);
    expect(given.records).toMatchObject([{ id: "d", outcome: "failed", status: null, error: "secret_unreadable" }]);
    expect(given.warnings).toMatchObject([{ organizationId: "o", endpointId: "e", deliveryId: "d", error: "secret_unreadable" }]);
  }
});

test("of an endpoint whose secret was replaced the one that opens signs", async () => {
  expect(await tried(["sound", "gone"])).toMatchObject({ sent: [["sound"]], records: [{ outcome: "delivered" }], warnings: [] });
});
