import { once } from "node:events";
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, inject, test } from "vitest";
import { connect, guarded } from "./connect.ts";

const READY_FOR_QUERY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** A way to Postgres on which the first connections break as soon as they are made. */
async function startBreakingLine(breaksMax: number): Promise<{ url: string; broken: () => number }> {
  const target = new URL(inject("postgresAdminUrl"));
  const sockets = new Set<Socket>();
  let broken = 0;
  const server = createServer((inward) => {
    const outward = connectSocket(Number(target.port), target.hostname);
    for (const socket of [inward, outward]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => sockets.delete(socket));
    }
    inward.once("close", () => outward.destroy());
    inward.pipe(outward);
    outward.on("data", (bytes: Buffer) => {
      inward.write(bytes);
      if (broken === breaksMax || !bytes.includes(READY_FOR_QUERY)) return;
      broken += 1;
      // Once the driver has had its first word: it is cut off before it has any answer.
      inward.once("data", () => inward.resetAndDestroy());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  opened.push(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, "close");
  });
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return { url: url.href, broken: () => broken };
}

test("a connection that breaks at its very beginning costs the statement that wanted it, and nothing else", async () => {
  const unheard: unknown[] = [];
  const hear = (error: unknown): void => void unheard.push(error);
  process.on("unhandledRejection", hear);
  opened.push(async () => process.off("unhandledRejection", hear));
  const line = await startBreakingLine(3);
  const sql = connect({ url: line.url, pool: 1, prepare: true, applicationName: "test" });
  opened.push(() => sql.end({ timeout: 1 }));

  const outcomes: unknown[] = [];
  while (line.broken() < 3 || outcomes.at(-1) !== 1) {
    const outcome = guarded(sql<{ one: number }[]>`select 1 as one`).then(([row]) => row?.one);
    outcomes.push(await outcome.catch((error: { code: string }) => error.code));
    await sleep(1);
  }
  expect(new Set(outcomes)).toEqual(new Set(["storage_unavailable", 1]));
  expect(unheard).toEqual([]);
});
