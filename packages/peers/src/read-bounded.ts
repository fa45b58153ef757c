import { toEgressError } from "@parley/egress";
import { TooMuch } from "./too-much.ts";

/** A response's text. Throws `TooMuch` for more than `bytesMax`, and what an egress read throws. */
export async function readBounded(response: Response, bytesMax: number): Promise<string> {
  if (response.body === null) return "";
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body) {
      size += chunk.byteLength;
      if (size > bytesMax) throw new TooMuch();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof TooMuch) throw error;
    throw toEgressError(error, new URL(response.url).origin);
  }
  return Buffer.concat(chunks).toString("utf8");
}
