import { Pool } from "undici";
import { openStream, type StreamRequest } from "../harness/open-stream.ts";
import type { Target } from "../harness/target.ts";

const SETTLE_MS = 3_000;
const OPENING_AT_ONCE = 50;
const CONNECTED_MS = 30_000;

export interface IdleStreams {
  /** Kibibytes of the front process's memory per stream. */
  kibibytesEach: number;
  /** How many have ended or broken since they were opened. */
  lost(): number;
  close(): Promise<void>;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Opens the requests as streams, waits until each has said its first word, and weighs the process they are connected to. */
export async function openIdleStreams(
  { origin, front }: Target,
  requests: readonly StreamRequest[],
  onFrame: (index: number, data: string) => void,
): Promise<IdleStreams> {
  if (front === null) throw new Error("There is no process to weigh.");
  const pool = new Pool(origin, { connections: requests.length, pipelining: 1 });
  const open: (() => void)[] = [];
  let lost = 0;
  const openOne = (index: number, request: StreamRequest) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Stream ${index} said nothing within ${CONNECTED_MS} ms.`)), CONNECTED_MS);
      const { ended, close } = openStream(pool, request, (data) => {
        clearTimeout(timer);
        resolve();
        onFrame(index, data);
      });
      open.push(close);
      const over = () => {
        lost++;
        clearTimeout(timer);
        reject(new Error(`Stream ${index} ended at once.`));
      };
      ended.then(over, over);
    });
  const before = await front.residentBytes();
  for (let index = 0; index < requests.length; index += OPENING_AT_ONCE) {
    await Promise.all(requests.slice(index, index + OPENING_AT_ONCE).map((request, offset) => openOne(index + offset, request)));
  }
  await sleep(SETTLE_MS);
  const kibibytesEach = ((await front.residentBytes()) - before) / 1024 / requests.length;
  return {
    kibibytesEach,
    lost: () => lost,
    close: async () => {
      for (const close of open) close();
      await pool.destroy();
    },
  };
}
