import { appendFileSync } from "node:fs";
import { Socket } from "node:net";

// Loaded into a process before anything else: writes down every connection that it opens, a JSON line each, to the file that `SOCKET_TRAP_FILE` names. TLS goes through
// the same method.

const EGRESS = "/packages/egress/src/guarded-connector.ts";
const STACK_FRAMES = 60;

const file = process.env["SOCKET_TRAP_FILE"];
if (file === undefined) throw new Error("SOCKET_TRAP_FILE says where to write");

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
  const line = { to: path ?? `${host}:${port}`, byEgress, ...(byEgress ? {} : { stack }) };
  appendFileSync(file, `${JSON.stringify(line)}\n`);
  return connect.apply(this, given);
} as typeof Socket.prototype.connect;
