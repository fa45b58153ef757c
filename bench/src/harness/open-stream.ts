import type { Dispatcher } from "undici";

export interface StreamRequest {
  path: string;
  method: "GET" | "POST";
  headers: Record<string, string>;
  body: string | null;
}

export interface OpenStream {
  /** Resolves when the server ends the stream; rejects on a broken one or a status that is not 200. */
  ended: Promise<void>;
  close(): void;
}

/** A frame's data, its lines joined; null for a comment. */
function dataOf(frame: string): string | null {
  const at = frame.startsWith("data:") ? 0 : frame.indexOf("\ndata:") + 1;
  if (at === 0 && !frame.startsWith("data:")) return null;
  const data = frame.slice(at + 5).trimStart();
  return data.includes("\n")
    ? data
        .split("\n")
        .map((line) => line.replace(/^data: ?/, ""))
        .join("\n")
    : data;
}

/**
 * Sends a request and gives each SSE frame's data to `onFrame` as it comes, as raw text: parsing is left to the caller, so
 * that the generator's own work stays small and the same for all.
 */
export function openStream(pool: Dispatcher, request: StreamRequest, onFrame: (data: string) => void): OpenStream {
  let close = () => {};
  const ended = new Promise<void>((resolve, reject) => {
    const decoder = new TextDecoder();
    let rest = "";
    let status = 0;
    pool.dispatch(
      { ...request, headersTimeout: 0, bodyTimeout: 0 },
      {
        onRequestStart: (controller) => {
          close = () => controller.abort(new Error("closed by the load generator"));
        },
        onResponseStart: (_controller, statusCode) => {
          status = statusCode;
        },
        onResponseData: (_controller, piece) => {
          rest += decoder.decode(piece, { stream: true });
          if (status !== 200) return;
          for (let end = rest.indexOf("\n\n"); end !== -1; end = rest.indexOf("\n\n")) {
            const frame = rest.slice(0, end);
            rest = rest.slice(end + 2);
            const data = dataOf(frame);
            if (data !== null) onFrame(data);
          }
        },
        onResponseEnd: () => (status === 200 ? resolve() : reject(new Error(`${request.path} answered ${status}: ${rest.slice(0, 300)}`))),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
  // A stream that is closed on purpose has nobody waiting for its end.
  ended.catch(() => undefined);
  return { ended, close: () => close() };
}
