import { appendFileSync } from "node:fs";
import { Socket } from "node:net";

// Loaded into every api and worker that a test starts, before anything else: a connection that leads elsewhere than to Postgres and Redis
// and was not opened by the egress is refused with an error. TLS goes through the same method. Where `SOCKET_TRAP_FILE` names a file, each
// connection is written down there, a JSON line each.

const EGRESS = "/packages/egress/src/guarded-connector.ts";
/** A test's own way into the process that it tries. */
const TEST = new URL("../../../../tests/", import.meta.url).href;
const STACK_FRAMES = 60;

const file = process.env["SOCKET_TRAP_FILE"];
const stores = new Set(
  Object.values(process.env).flatMap((value = "") => (/^(postgres|postgresql|rediss?):\/\//.test(value) ? [new URL(value).host] : [])),
);

interface Place {
  host?: string;
  port?: number | string;
  path?: string;
}

/** `connect` takes options, a path, a port and a host, or all of it in a list that `net.connect` has made. */
function placeOf(given: unknown[]): Place {
  const [first, second] = given;
  if (Array.isArray(first)) return placeOf(first);
  if (typeof first === "object" && first !== null) return first as Place;
  if (typeof first === "string" && !/^\d+$/.test(first)) return { path: first };
  return { port: Number(first), ...(typeof second === "string" ? { host: second } : {}) };
}

function stackNow(): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = STACK_FRAMES;
  const { stack = "" } = new Error("here");
  Error.stackTraceLimit = stackTraceLimit;
  return stack;
}

const connect = Reflect.get(Socket.prototype, "connect") as (this: Socket, ...given: unknown[]) => Socket;
Socket.prototype.connect = function trapped(this: Socket, ...given: unknown[]): Socket {
  const { host = "localhost", port, path } = placeOf(given);
  const stack = stackNow();
  const byEgress = stack.includes(EGRESS);
  const to = path ?? `${host}:${port}`;
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ to, byEgress, ...(byEgress ? {} : { stack }) })}\n`);
  if (!byEgress && !stores.has(to) && !stack.includes(TEST)) throw new Error(`This connection to ${to} goes around the egress.`);
  return connect.apply(this, given);
} as typeof Socket.prototype.connect;
