/** The first bytes of a file, as far as they tell what it is. */
export const HEAD_BYTES = 512;

const UNKNOWN_TYPE = "application/octet-stream";

const bytes = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));

/** Formats that a browser may show or play by itself without harm, by what they begin with. `at`: how many bytes come before. */
const SIGNATURES: { type: string; at: number; begins: number[]; then?: { at: number; begins: number[] } }[] = [
  { type: "image/png", at: 0, begins: [0x89, ...bytes("PNG"), 0x0d, 0x0a, 0x1a, 0x0a] },
  { type: "image/jpeg", at: 0, begins: [0xff, 0xd8, 0xff] },
  { type: "image/gif", at: 0, begins: bytes("GIF8") },
  { type: "image/webp", at: 0, begins: bytes("RIFF"), then: { at: 8, begins: bytes("WEBP") } },
  { type: "audio/wav", at: 0, begins: bytes("RIFF"), then: { at: 8, begins: bytes("WAVE") } },
  { type: "audio/mpeg", at: 0, begins: bytes("ID3") },
  { type: "audio/mpeg", at: 0, begins: [0xff, 0xfb] },
  { type: "audio/mpeg", at: 0, begins: [0xff, 0xf3] },
  { type: "audio/ogg", at: 0, begins: bytes("OggS") },
  { type: "audio/flac", at: 0, begins: bytes("fLaC") },
  { type: "video/webm", at: 0, begins: [0x1a, 0x45, 0xdf, 0xa3] },
  { type: "audio/mp4", at: 4, begins: bytes("ftypM4A") },
  { type: "video/mp4", at: 4, begins: bytes("ftyp") },
  { type: "application/pdf", at: 0, begins: bytes("%PDF-") },
];

/** What an uploader may say of a text that is one. Markup that runs is not among them, whatever it is called. */
const TEXTS = new Set(["text/plain", "text/markdown", "text/csv", "application/json"]);

const beginsAt = (head: Uint8Array, at: number, begins: number[]): boolean => begins.every((byte, index) => head[at + index] === byte);

/** A text has no byte that texts have not. Whether all of it is UTF-8 nobody has looked at. */
const looksLikeText = (head: Uint8Array): boolean => !head.some((byte) => byte < 0x09 || (byte > 0x0d && byte < 0x20) || byte === 0x7f);

/** The type by which a file is stored and served: found in its bytes, or a harmless one that was declared and fits them, or unknown. */
export function sniffType(head: Uint8Array, declared: string | null): string {
  for (const { type, at, begins, then } of SIGNATURES) {
    if (beginsAt(head, at, begins) && (then === undefined || beginsAt(head, then.at, then.begins))) return type;
  }
  const [named = ""] = (declared ?? "").toLowerCase().split(";", 1);
  return TEXTS.has(named.trim()) && looksLikeText(head) ? named.trim() : UNKNOWN_TYPE;
}
