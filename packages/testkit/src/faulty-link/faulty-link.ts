import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse, request as send } from "node:http";
import { type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * What becomes of one request. `drop-request`: it never arrives. `drop-reply`: it is done, and nobody hears of it. `leave`: whoever asked hangs up while it is done.
 * `duplicate`: it arrives twice, at once. `repeat`: it arrives again once it was answered. `delay`: its reply comes late. `reorder`: its reply comes after the next one's.
 * `fail`: a 500 instead of it.
 */
export type LinkFault = "pass" | "drop-request" | "drop-reply" | "leave" | "duplicate" | "repeat" | "delay" | "reorder" | "fail";

export interface FaultyLink {
  url: string;
  host: string;
  /** How often each of them struck. */
  struck: Map<LinkFault, number>;
  /** From now on everything passes. */
  calm(): void;
  close(): Promise<void>;
}

interface LinkOptions {
  /** Where it leads; asked for each request. */
  target(): string;
  /** What is to become of the next request; `waitMs` is how late something comes. */
  draw(): { fault: LinkFault; waitMs: number };
}

interface Reply {
  status: number;
  headers: OutgoingHttpHeaders;
  body: Buffer;
}

/** A wire over real HTTP between one who asks and one who answers, that loses, delays, doubles and reorders. */
export async function startFaultyLink({ target, draw }: LinkOptions): Promise<FaultyLink> {
  const struck = new Map<LinkFault, number>();
  let isCalm = false;
  let overtaken = Promise.withResolvers<void>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bytesOf(request);
    const { fault, waitMs } = isCalm ? { fault: "pass" as const, waitMs: 0 } : draw();
    struck.set(fault, (struck.get(fault) ?? 0) + 1);
    if (fault === "drop-request") return void response.destroy();
    if (fault === "fail") return void response.writeHead(500).end("no");
    const leaving = new AbortController();
    const pass = (): Promise<Reply> => passOn(target(), request, { body, signal: leaving.signal });
    if (fault === "leave") {
      const done = pass().catch(() => undefined);
      await sleep(waitMs);
      leaving.abort();
      await done;
      return void response.destroy();
    }
    const twin = fault === "duplicate" ? pass().catch(() => undefined) : undefined;
    const reply = await pass();
    await twin;
    if (fault === "repeat") await pass().catch(() => undefined);
    if (fault === "drop-reply") return void response.destroy();
    if (fault === "delay") await sleep(waitMs);
    // Where nothing comes after it, it waits no longer than others are late.
    if (fault === "reorder") await Promise.race([overtaken.promise, sleep(waitMs)]);
    response.writeHead(reply.status, reply.headers).end(reply.body);
    if (fault === "reorder") return;
    overtaken.resolve();
    overtaken = Promise.withResolvers();
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    struck,
    calm() {
      isCalm = true;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function bytesOf(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

const OF_A_CONNECTION = new Set(["connection", "keep-alive", "transfer-encoding", "host"]);
const passed = (headers: OutgoingHttpHeaders): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_A_CONNECTION.has(name)));

function passOn(
  target: string,
  { method, url, headers }: IncomingMessage,
  { body, signal }: { body: Buffer; signal: AbortSignal },
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outward = send(new URL(url ?? "/", target), { method, headers: passed(headers), signal, agent: false }, (answer) => {
      bytesOf(answer).then((read) => resolve({ status: answer.statusCode ?? 502, headers: passed(answer.headers), body: read }), reject);
    });
    outward.on("error", reject);
    outward.end(body);
  });
}
