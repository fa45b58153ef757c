import { pluginFailed } from "./plugin.ts";

/** All of what a plugin's server, or a model, sends. Throws `plugin_failed` for more than that; what is too long is not read on. */
export async function readBytes(sent: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, bytesMax: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let count = 0;
  for await (const piece of sent) {
    count += piece.byteLength;
    if (count > bytesMax) throw pluginFailed(`an answer of more than ${bytesMax} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
