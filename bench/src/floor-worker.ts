/** The floor's worker: takes a job, calls the model, puts each token on the turn's Redis stream, writes the answer. */
import { Worker } from "bullmq";
import { Redis } from "ioredis";
import postgres from "postgres";
import { readFloorConfig } from "./floor/floor-config.ts";
import { readTokens } from "./floor/read-tokens.ts";

const config = readFloorConfig();
const sql = postgres(config.databaseUrl, { max: 10 });
const redis = new Redis(config.redisUrl);

interface TurnJob {
  id: string;
  model: string;
  text: string;
}

const worker = new Worker<TurnJob>(
  "floor",
  async ({ data: { id, model, text } }) => {
    const response = await fetch(`${config.upstreamUrl}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model, stream: true, messages: [{ role: "user", content: text }] }),
    });
    if (!response.ok || response.body === null) throw new Error(`The model answered ${response.status}.`);
    let answer = "";
    for await (const token of readTokens(response.body)) {
      answer += token;
      await redis.xadd(`turn:${id}`, "*", "token", token);
    }
    await sql`update floor_turns set answer = ${answer}, status = 'done' where id = ${id}`;
    await redis.multi().xadd(`turn:${id}`, "*", "done", "1").expire(`turn:${id}`, 60).exec();
  },
  {
    connection: new Redis(config.redisUrl, { maxRetriesPerRequest: null }),
    concurrency: config.concurrency,
    removeOnComplete: { count: 100 },
  },
);

await worker.waitUntilReady();
process.send?.({ port: 1 });
