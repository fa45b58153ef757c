import { GatewayError } from "@parley/contracts";

const FORMATS: Record<string, "gzip" | "deflate"> = { gzip: "gzip", "x-gzip": "gzip", deflate: "deflate" };

/**
 * Unpacks the body of a server that compresses though it was asked not to, and bounds what comes out; the bytes on the
 * wire are bounded by the connection already.
 */
export const boundDecoded = (response: Response, bytesMax: number): Response => {
  const encoding = response.headers.get("content-encoding")?.toLowerCase() ?? "identity";
  if (response.body === null || encoding === "identity" || encoding === "") return response;
  const format = Object.hasOwn(FORMATS, encoding) ? FORMATS[encoding] : undefined;
  if (format === undefined) {
    void response.body.cancel();
    throw new GatewayError("egress_failed", { detail: `the response is packed as ${encoding.slice(0, 40)}, which was not asked for` });
  }
  let bytes = 0;
  const counted = response.body.pipeThrough<Uint8Array>(new DecompressionStream(format)).pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        bytes += chunk.byteLength;
        if (bytes > bytesMax) throw new GatewayError("egress_failed", { detail: `the response unpacks to more than ${bytesMax} bytes` });
        controller.enqueue(chunk);
      },
    }),
  );
  const headers = new Headers(response.headers);
  for (const name of ["content-encoding", "content-length"]) headers.delete(name);
  const bounded = new Response(counted, { status: response.status, headers });
  return Object.defineProperty(bounded, "url", { value: response.url });
};
