/**
 * The floor: the bare skeleton of a durable streamed turn, in plain obvious code. Express takes it, one transaction
 * stores it, BullMQ carries it to a worker, a Redis stream carries the tokens back, another transaction stores the answer.
 * No keys, no routing, no order, no recovery, no tuning: what a careful gateway must not be slower than.
 */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Queue } from "bullmq";
import express, { type Request } from "express";
import { Redis } from "ioredis";
import postgres from "postgres";
import { readFloorConfig } from "./floor/floor-config.ts";
import { reportReady } from "./services/report-ready.ts";

const config = readFloorConfig();
const sql = postgres(config.databaseUrl, { max: 10, onnotice: () => undefined });
await sql`create table if not exists floor_turns (id uuid primary key, question text not null, answer text, status text not null)`;
const queue = new Queue("floor", { connection: new Redis(config.redisUrl) });

/** Connections that wait for a stream: a blocking read has its connection to itself. */
const idleReaders: Redis[] = [];

async function* readTurn(id: string): AsyncGenerator<string> {
  const reader = idleReaders.pop() ?? new Redis(config.redisUrl);
  try {
    for (let after = "0"; ; ) {
      const [found] = (await reader.xread("BLOCK", 0, "STREAMS", `turn:${id}`, after)) ?? [];
      for (const [entryId, [kind, value]] of found?.[1] ?? []) {
        if (kind === "done") return;
        yield value ?? "";
        after = entryId;
      }
    }
  } finally {
    idleReaders.push(reader);
  }
}

async function acceptTurn(request: Request): Promise<string> {
  const { model, text } = request.body as { model: string; text: string };
  const id = randomUUID();
  await sql`insert into floor_turns (id, question, status) values (${id}, ${text}, 'running')`;
  await queue.add("turn", { id, model, text });
  return id;
}

const app = express();
app.use(express.json());
app.get("/health", (_request, response) => void response.json({ ok: true }));
app.post("/turns", async (request, response) => {
  let answer = "";
  for await (const text of readTurn(await acceptTurn(request))) answer += text;
  response.json({ answer });
});
app.post("/turns/stream", async (request, response) => {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  response.write('data: {"type":"connected"}\n\n');
  for await (const text of readTurn(await acceptTurn(request))) response.write(`data: ${JSON.stringify({ type: "token", text })}\n\n`);
  response.end('data: {"type":"done"}\n\n');
});

const server = createServer(app);
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", () => reportReady(server));
