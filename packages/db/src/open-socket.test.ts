import { once } from "node:events";
import { stat } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { GatewayError } from "@parley/contracts";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { connect, guarded, type Sql } from "./connect.ts";
import { startTlsFront } from "./testing/tls-front.ts";

const url = inject("postgresAdminUrl");
let admin: postgres.Sql;
let front: Awaited<ReturnType<typeof startTlsFront>>;
const opened: Sql[] = [];
beforeAll(async () => {
  admin = postgres(url, { max: 1 });
  front = await startTlsFront(url);
});
afterAll(async () => {
  await Promise.all([admin, ...opened].map((sql) => sql.end({ timeout: 1 })));
  await front.close();
});

let names = 0;
/** One connection, found on the server by its name. */
function open(address = url, prepare = true) {
  const applicationName = `open-socket-${++names}`;
  const sql = connect({ url: address, pool: 1, prepare, applicationName });
  opened.push(sql);
  /** Ends it from the other side while a statement runs on it. */
  async function cut(): Promise<void> {
    for (;;) {
      const ended = await admin`
        select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${applicationName} and state = 'active' and query like '%pg_sleep%'`;
      if (ended.length > 0) return;
      await sleep(5);
    }
  }
  return { sql, cut };
}

function overTls(mode: string): string {
  const address = new URL(url);
  address.port = String(front.port);
  address.searchParams.set("sslmode", mode);
  return address.href;
}

const AWAY = { code: "storage_unavailable" };

/** Until the connection is there again: the driver may answer one statement with what it heard of the old one. */
async function untilAnswered(sql: Sql): Promise<unknown> {
  for (;;) {
    const rows = await guarded(sql`select ${7}::int as seven`).catch((error: unknown) => error);
    if (!(rows instanceof GatewayError)) return rows;
    // It may be refused at once, and the connection needs the event loop to come back.
    await sleep(5);
  }
}

test.each([
  ["plain", () => url],
  ["TLS", () => overTls("require")],
])("a transaction whose %s connection is cut fails, and the process goes on", async (_, address) => {
  const { sql, cut } = open(address());
  const cutting = cut();
  const work = guarded(
    sql.begin(async (transaction) => {
      await transaction`select 1`;
      await transaction`select pg_sleep(20)`;
    }),
  );
  await expect(work).rejects.toMatchObject(AWAY);
  await cutting;
  // The rollback is still to come: without the two parts it is what ends the process.
  await sleep(50);
  expect(await untilAnswered(sql)).toEqual([{ seven: 7 }]);
});

test("what is asked on a connection while it is being given up does not leave the next one hanging", async () => {
  const { sql, cut } = open();
  await sql`select 1`;
  const cutting = cut();
  const asked: Promise<unknown>[] = [];
  await guarded(sql`select pg_sleep(20)`).catch(() => undefined);
  // Each of them comes out of the event loop's very next look for input, as other callers' questions do.
  for (let round = 0; round < 10; round += 1) {
    const answered = stat(import.meta.filename);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    await answered;
    asked.push(guarded(sql`select 7 as seven`).catch((error: unknown) => error));
  }
  await cutting;
  for (const outcome of await Promise.all(asked)) {
    if (outcome instanceof GatewayError) expect(outcome).toMatchObject(AWAY);
    else expect(outcome).toEqual([{ seven: 7 }]);
  }
  expect(await untilAnswered(sql)).toEqual([{ seven: 7 }]);
});

test("what sslmode asks for is kept to: a certificate that nobody knows is good for `require` and not for `verify-full`", async () => {
  expect(await open(overTls("require")).sql`select 7 as seven`).toEqual([{ seven: 7 }]);
  expect(await open(overTls("prefer")).sql`select 7 as seven`).toEqual([{ seven: 7 }]);
  await expect(open(overTls("verify-full")).sql`select 1`).rejects.toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
});

test("where the server speaks no TLS, `prefer` does without and `require` fails", async () => {
  expect(await open(`${url}?sslmode=prefer`).sql`select 7 as seven`).toEqual([{ seven: 7 }]);
  await expect(open(`${url}?sslmode=require`).sql`select 1`).rejects.toThrow("speaks no TLS");
});

test("a server that hangs up at the request for TLS is away, and keeps nobody waiting", async () => {
  const server = createServer((socket) => void socket.once("data", () => socket.end())).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const { sql } = open(`postgres://postgres@127.0.0.1:${port}/postgres?sslmode=require`);
  await expect(guarded(sql`select 1`)).rejects.toMatchObject(AWAY);
  server.close();
});

test("a server that is not there is away, and is asked again with the next statement", async () => {
  const nowhere = new URL(url);
  nowhere.port = "1";
  const { sql } = open(nowhere.href);
  const startedAtMs = performance.now();
  for (let tries = 0; tries < 10; tries += 1) await expect(guarded(sql`select 1`)).rejects.toMatchObject(AWAY);
  // The driver's own pauses would add up to minutes.
  expect(performance.now() - startedAtMs).toBeLessThan(10_000);
});
