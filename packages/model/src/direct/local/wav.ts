/** 24 kHz, 16 bits, one channel: what OpenAI's `pcm` is, too. */
export const SAMPLE_RATE = 24_000;
const BYTES_PER_SAMPLE = 2;
const HEAD_BYTES = 12;

function chunk(name: string, bytes: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.write(name, "latin1");
  head.writeUInt32LE(bytes.byteLength, 4);
  return Buffer.concat([head, bytes, Buffer.alloc(bytes.byteLength % 2)]);
}

function format(): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(1, 0);
  bytes.writeUInt16LE(1, 2);
  bytes.writeUInt32LE(SAMPLE_RATE, 4);
  bytes.writeUInt32LE(SAMPLE_RATE * BYTES_PER_SAMPLE, 8);
  bytes.writeUInt16LE(BYTES_PER_SAMPLE, 12);
  bytes.writeUInt16LE(BYTES_PER_SAMPLE * 8, 14);
  return bytes;
}

/** A WAV file of these samples; who made it, and of what, stands in its information. */
export function writeWav(samples: Buffer, { software, comment }: { software: string; comment: string }): Buffer {
  const information = Buffer.concat([
    Buffer.from("INFO", "latin1"),
    chunk("ISFT", Buffer.from(`${software}\0`, "utf8")),
    chunk("ICMT", Buffer.from(`${comment}\0`, "utf8")),
  ]);
  const content = Buffer.concat([
    Buffer.from("WAVE", "latin1"),
    chunk("fmt ", format()),
    chunk("LIST", information),
    chunk("data", samples),
  ]);
  const head = Buffer.alloc(8);
  head.write("RIFF", "latin1");
  head.writeUInt32LE(content.byteLength, 4);
  return Buffer.concat([head, content]);
}

export interface WavFacts {
  seconds: number;
  software: string | null;
  comment: string | null;
}

/** The chunks of a RIFF file by their names, as far as they are whole. */
function chunksIn(bytes: Buffer, from: number): Map<string, Buffer> {
  const chunks = new Map<string, Buffer>();
  for (let place = from; place + 8 <= bytes.byteLength; ) {
    const size = bytes.readUInt32LE(place + 4);
    chunks.set(bytes.toString("latin1", place, place + 4), bytes.subarray(place + 8, place + 8 + size));
    place += 8 + size + (size % 2);
  }
  return chunks;
}

const textIn = (bytes: Buffer | undefined): string | null => bytes?.toString("utf8").replace(/\0.*$/s, "") ?? null;

/** What a WAV file says about itself; null where it is none. */
export function readWav(bytes: Buffer): WavFacts | null {
  if (bytes.toString("latin1", 0, 4) !== "RIFF" || bytes.toString("latin1", 8, HEAD_BYTES) !== "WAVE") return null;
  const chunks = chunksIn(bytes, HEAD_BYTES);
  const rate = chunks.get("fmt ")?.byteLength ?? 0;
  const bytesPerSecond = rate >= 12 ? (chunks.get("fmt ")?.readUInt32LE(8) ?? 0) : 0;
  const list = chunks.get("LIST");
  const information = list?.toString("latin1", 0, 4) === "INFO" ? chunksIn(list, 4) : new Map<string, Buffer>();
  return {
    seconds: bytesPerSecond === 0 ? 0 : (chunks.get("data")?.byteLength ?? 0) / bytesPerSecond,
    software: textIn(information.get("ISFT")),
    comment: textIn(information.get("ICMT")),
  };
}
