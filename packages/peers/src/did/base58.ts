/** Bitcoin's: no 0, O, I, l. */
const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const DIGITS = new Map([...ALPHABET].map((character, value) => [character, BigInt(value)]));
/** Keys and signatures have at most 88 characters; the time that decoding takes grows with the square. */
const CHARS_MAX = 128;

/** Each leading zero byte is a leading `1`. */
export function encodeBase58(bytes: Uint8Array): string {
  const zeros = bytes.findIndex((byte) => byte !== 0);
  if (zeros === -1) return "1".repeat(bytes.length);
  let text = "";
  for (let rest = BigInt(`0x${Buffer.from(bytes).toString("hex")}`); rest > 0n; rest /= 58n) text = ALPHABET[Number(rest % 58n)] + text;
  return "1".repeat(zeros) + text;
}

/** Null where the text is not base58, or stands for another number of bytes than that. */
export function decodeBase58(text: string, bytes: number): Uint8Array | null {
  if (text.length > CHARS_MAX) return null;
  let value = 0n;
  for (const character of text) {
    const digit = DIGITS.get(character);
    if (digit === undefined) return null;
    value = value * 58n + digit;
  }
  const zeros = /^1*/.exec(text)?.[0].length ?? 0;
  const hex = value === 0n ? "" : value.toString(16);
  const digits = Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
  return zeros + digits.length === bytes ? new Uint8Array([...Buffer.alloc(zeros), ...digits]) : null;
}
