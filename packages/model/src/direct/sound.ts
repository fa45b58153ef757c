/** Of sound that does not say itself how long it is: 128 kbit/s. */
const ASSUMED_BYTES_PER_MS = 16;
/** What speech mostly has in these: 24 kHz of 16 bits, and what is left of that. */
const BYTES_PER_MS: readonly [RegExp, number][] = [
  [/wav|pcm|l16/i, 48],
  [/flac/i, 24],
  [/opus|ogg|webm/i, 4],
];
/** Speech is about so fast. */
const MS_PER_CHAR = 70;

const WAV_HEAD_BYTES = 32;
const BYTES_PER_SECOND_AT = 28;

export const filesIn = (form: FormData): File[] => [...form.values()].filter((value) => typeof value !== "string");

/** By its size. */
export const assumedMs = (bytes: number, contentType = ""): number =>
  Math.ceil(bytes / (BYTES_PER_MS.find(([type]) => type.test(contentType))?.[1] ?? ASSUMED_BYTES_PER_MS));

export const spokenMs = (text: string): number => text.length * MS_PER_CHAR;

/** How long the sound of a form is: as its own head says, else by its size. */
export async function soundMs(form: FormData): Promise<number> {
  const each = await Promise.all(
    filesIn(form).map(async (file) => {
      const head = Buffer.from(await file.slice(0, WAV_HEAD_BYTES).arrayBuffer());
      const isWav =
        head.byteLength === WAV_HEAD_BYTES && head.toString("latin1", 0, 4) === "RIFF" && head.toString("latin1", 8, 12) === "WAVE";
      const perSecond = isWav ? head.readUInt32LE(BYTES_PER_SECOND_AT) : 0;
      return perSecond > 0 ? Math.ceil((file.size / perSecond) * 1_000) : assumedMs(file.size, file.type);
    }),
  );
  return each.reduce((sum, ms) => sum + ms, 0);
}
