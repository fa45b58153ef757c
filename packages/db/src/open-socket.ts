import { once } from "node:events";
import { connect, isIP, Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** What the driver knows of the server that it wants a connection to. */
export interface ServerPlace {
  /** Tried in turn. */
  host: string[];
  port: number[];
  /** Of a Unix socket. */
  path: string | false;
}

/** A client that wants TLS begins with this, and is answered with one letter. */
const TLS_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const YES = "S".charCodeAt(0);
const HANDSHAKE_MS = 10_000;

/**
 * Opens the driver's connections, as `sslmode` in the address wants them. The driver lets go of a connection when it hears that it has ended,
 * though it may still have a write to make there: one put off to the end of the tick, or the rollback of a transaction whose statement failed by
 * this very end. The first is kept for the next connection, and no later write goes out then: it hangs, and so does each after it. The second ends the
 * process. So it is told in two parts: first that all it has asked for fails, and later that the connection is gone. Meanwhile it may still be given
 * what others ask, so the second part comes at the one moment when nothing can be put off: right behind a write, which it is made to do. What cannot
 * be helped: a transaction may not wait for anything else between two statements.
 */
export function socketOpener(url: string): (place: ServerPlace) => Promise<Socket> {
  // Not as an address: one of several hosts is none.
  const wanted = new URLSearchParams(url.split("?")[1]);
  const mode = wanted.get("sslmode") ?? wanted.get("ssl") ?? "disable";
  let opened = 0;
  return async ({ host, port, path }) => {
    const turn = opened++ % host.length;
    const hostname = host[turn] ?? "";
    const socket = path === false ? connect(port[turn] ?? 5432, hostname) : connect(path);
    const isPlain = mode === "disable" || mode === "false";
    return endingInTwoParts(isPlain ? socket : await secured(socket, { mode, hostname }).catch((error: unknown) => failing(socket, error)));
  };
}

/** The socket below TLS, or the same one where the server speaks none and that will do. */
async function secured(socket: Socket, { mode, hostname }: { mode: string; hostname: string }): Promise<Socket> {
  const over = new AbortController();
  const { signal } = over;
  const end = (code: string) => over.abort(Object.assign(new Error("Postgres does not answer the request for TLS."), { code }));
  const timer = setTimeout(() => end("CONNECT_TIMEOUT"), HANDSHAKE_MS);
  socket.once("close", () => end("ECONNRESET"));
  try {
    socket.write(TLS_REQUEST);
    const [answer] = (await once(socket, "data", { signal })) as [Buffer];
    if (answer[0] !== YES) {
      if (mode === "prefer" || mode === "allow") return socket;
      throw new Error("This Postgres speaks no TLS, and sslmode asks for it.");
    }
    const rejectUnauthorized = mode.startsWith("verify") || mode === "true";
    const secure = connectTls({ socket, rejectUnauthorized, ...(isIP(hostname) === 0 && { servername: hostname }) });
    await once(secure, "secureConnect", { signal });
    return secure;
  } catch (error) {
    throw signal.aborted && error instanceof Error && error.name === "AbortError" ? signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}

/** Where there is no socket at all the driver forgets its connection for good: it has to see one fail. */
function failing(socket: Socket, error: unknown): Socket {
  socket.on("error", () => undefined).destroy();
  const failed = new Socket();
  setImmediate(() => failed.destroy(error instanceof Error ? error : new Error(String(error))));
  return failed;
}

/** The server's question for a password, in the way that every Postgres may ask it (SASL). */
const PASSWORD_REQUEST = Buffer.from("R\0\0\0\x08\0\0\0\x0a", "latin1");

function endingInTwoParts(socket: Socket): Socket {
  const emit = socket.emit.bind(socket);
  let isOver = false;
  const end = (): void => {
    if (!isOver) emit("close", false);
    isOver = true;
  };
  const endBehindWrite = (): void => {
    socket.write = () => {
      process.nextTick(end);
      return true;
    };
    emit("data", PASSWORD_REQUEST);
    // Where nobody listens any more, or the end has come within a message, nothing is said to that.
    setImmediate(() => setImmediate(end));
  };
  socket.emit = (event: string | symbol, ...given: unknown[]): boolean => {
    if (event !== "close") return emit(event, ...given);
    emit("error", Object.assign(new Error("The connection to Postgres has ended."), { code: "CONNECTION_CLOSED" }));
    setImmediate(endBehindWrite);
    return true;
  };
  return socket;
}
