/** The bytes of a body up to a point that may lie anywhere, also in the middle of a frame or of a character. */
export async function* cutAfter(body: AsyncIterable<Uint8Array>, bytesMax: number, onCut: () => void): AsyncGenerator<Uint8Array> {
  let left = bytesMax;
  for await (const bytes of body) {
    yield bytes.subarray(0, left);
    left -= bytes.length;
    if (left <= 0) return onCut();
  }
}
