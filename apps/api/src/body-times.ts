import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

/** How long a body may take; all in ms. */
export interface BodyTimes {
  /** From the request's head to the last byte. */
  wholeMs: number;
  /** In each such span there must come some of it. */
  idleMs?: number;
}

/** Less than this in a span is no progress: a byte now and then keeps nothing open. */
const PACE_BYTES = 1_024;

type Watch = () => void;
const watches = new WeakMap<IncomingMessage, { stop: Watch; refuse: Watch }>();

/** Ends requests whose bodies take longer than `wholeMs`, unless `allowBody` has given them other times since. */
export const boundBodies =
  (app: RequestListener, { wholeMs, refuse }: { wholeMs: number; refuse(request: IncomingMessage): void }): RequestListener =>
  (request, response) => {
    if (hasBody(request)) watch(request, response, { wholeMs }, () => refuse(request));
    app(request, response);
  };

/** Gives a body its own times, from now on. For those that may be long: the caller is known by then. */
export function allowBody(request: IncomingMessage, response: ServerResponse, times: BodyTimes): void {
  const known = watches.get(request);
  if (known === undefined) return;
  known.stop();
  watch(request, response, times, known.refuse);
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

function watch(request: IncomingMessage, response: ServerResponse, { wholeMs, idleMs }: BodyTimes, refuse: Watch): void {
  const { socket } = request;
  let seen = socket.bytesRead;
  const stop = (): void => {
    clearTimeout(whole);
    clearInterval(idle);
    response.off("close", stop);
  };
  const end = (): void => {
    stop();
    if (!request.complete) refuse();
  };
  const whole = setTimeout(end, wholeMs);
  const idle =
    idleMs === undefined
      ? undefined
      : setInterval(() => {
          if (request.complete) stop();
          else if (socket.bytesRead - seen < PACE_BYTES) end();
          else seen = socket.bytesRead;
        }, idleMs);
  response.once("close", stop);
  watches.set(request, { stop, refuse });
}
