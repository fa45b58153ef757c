import { GatewayError } from "@parley/contracts";

/** A response's body as JSON. Throws `egress_failed` where it is longer than that or no JSON; what is too long is not read on. */
export async function readJson(response: Response, bytesMax: number): Promise<unknown> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body ?? []) {
    bytes += piece.byteLength;
    if (bytes > bytesMax) throw new GatewayError("egress_failed", { detail: `the answer has more than ${bytesMax} bytes` });
    pieces.push(piece);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString("utf8"));
  } catch {
    // The parser's own words would quote what a stranger sent.
    throw new GatewayError("egress_failed", { detail: "the answer is no JSON" });
  }
}
