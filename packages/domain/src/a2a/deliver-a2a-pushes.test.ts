import { expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import type { Vault } from "../identity/vault.ts";
import { silentLog } from "../testing/silent-log.ts";
import type { A2aPushRecord, DueA2aPush, StoredA2aTask } from "./a2a-store.ts";
import { deliverA2aPushes } from "./deliver-a2a-pushes.ts";

const DUE: DueA2aPush = {
  ...{
    id: 1,
    organizationId: "o",
    taskId: "t",
    pushId: "p",
    attempt: 1,
    url: "https://receiver.example",
    scheme: "Bearer",
    version: "1.0",
  },
  ...{ fact: { state: "working" } as never, secret: "sealed with a key that is gone" },
};
const TASK = { cards: [] } as unknown as StoredA2aTask;
const refusing: Vault = {
  newSecret: () => "",
  seal: (secret) => secret,
  open() {
    throw new Error("sealed with another key");
  },
};

test.each([refusing, null])(
  "a push whose secret does not open is given up at its first try, unsent, and the log says why",
  async (vault) => {
    const stop = new AbortController();
    const records: A2aPushRecord[] = [];
    const warnings: unknown[] = [];
    let sent = 0;
    await deliverA2aPushes(
      {
        outbox: { take: async () => (records.length === 0 ? [DUE] : []) },
        a2a: {
          read: async () => TASK,
          recordPush: async (record) => {
            records.push(record);
            setImmediate(() => stop.abort());
          },
        },
        send: async () => {
          sent += 1;
          return { status: 200, error: null, retryAfterMs: null };
        },
        log: { ...silentLog, warn: (fields) => void warnings.push(fields) },
        ...{ vault, clock: systemClock, random: () => 0.5, limits: { a2aPushAttemptsMax: 4, a2aPushTimeoutMs: 1_000 } },
      },
      stop.signal,
    );
    expect(sent).toBe(0);
    expect(records).toMatchObject([{ id: 1, attempt: 1, outcome: "failed" }]);
    expect(warnings).toMatchObject([{ organizationId: "o", taskId: "t", pushId: "p", error: "secret_unreadable" }]);
  },
);
