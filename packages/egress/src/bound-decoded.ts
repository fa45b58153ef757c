import { GatewayError } from "@parley/contracts";

/**
 * Bounds what a compressed body unpacks to; the bytes on the wire are bounded by the connection already. Only for a
 * server that compresses, as the extra stream costs time per chunk.
 */
export const boundDecoded = (response: Response, bytesMax: number): Response => {
  const encoding = response.headers.get("content-encoding") ?? "identity";
  if (response.body === null || encoding === "identity") return response;
  let bytes = 0;
  const counted = response.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        bytes += chunk.byteLength;
        if (bytes > bytesMax) throw new GatewayError("egress_failed", { detail: `the response unpacks to more than ${bytesMax} bytes` });
        controller.enqueue(chunk);
      },
    }),
  );
  const bounded = new Response(counted, { status: response.status, statusText: response.statusText, headers: [...response.headers] });
  return Object.defineProperty(bounded, "url", { value: response.url });
};
