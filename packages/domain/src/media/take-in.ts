import { GatewayError } from "@parley/contracts";
import { HEAD_BYTES } from "./sniff-type.ts";

/** SHA-256 of bytes as they come. */
export interface RunningHash {
  update(chunk: Uint8Array): void;
  /** Lower-case hex. */
  digest(): string;
}

/** What is known of a stream of bytes once it has passed. */
export interface Intake {
  bytes: AsyncIterable<Uint8Array>;
  size(): number;
  head(): Uint8Array;
}

/** Passes bytes on, one chunk at a time as they are asked for, and looks at them. Throws `body_too_large` with the first byte too many. */
export function takeIn(source: AsyncIterable<Uint8Array>, { bytesMax, hash }: { bytesMax: number; hash: RunningHash }): Intake {
  let size = 0;
  let head = new Uint8Array(0);
  async function* passing(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of source) {
      size += chunk.byteLength;
      if (size > bytesMax) throw tooLarge(bytesMax);
      hash.update(chunk);
      if (head.byteLength < HEAD_BYTES) head = joined(head, chunk.subarray(0, HEAD_BYTES - head.byteLength));
      yield chunk;
    }
  }
  return { bytes: passing(), size: () => size, head: () => head };
}

export const tooLarge = (bytesMax: number): GatewayError =>
  new GatewayError("body_too_large", { text: `The file is larger than ${bytesMax} bytes.` });

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(first.byteLength + second.byteLength);
  whole.set(first);
  whole.set(second, first.byteLength);
  return whole;
}
