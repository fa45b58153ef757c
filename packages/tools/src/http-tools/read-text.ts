/**
 * The first `bytesMax` bytes of a body, as UTF-8. What lies beyond is not read, and its connection is closed. NUL characters, which
 * Postgres does not keep, become replacement characters, as what is not UTF-8 does. Throws when the body breaks off.
 */
export async function readText(response: Response, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk.subarray(0, bytesMax - bytes), { stream: true });
    bytes += chunk.byteLength;
    if (bytes > bytesMax) break;
  }
  return (text + decoder.decode()).replaceAll("\0", "\uFFFD");
}
