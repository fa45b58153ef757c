import { createHash } from "node:crypto";
import { NO_USAGE, type Usage } from "@parley/contracts";
import type { DirectAnswer, DirectRequest } from "@parley/domain";
import { tokensIn } from "../usage-count.ts";
import { refuse } from "./refuse.ts";
import { readWav } from "./wav.ts";

const FORMATS = ["json", "text", "srt", "vtt", "verbose_json"] as const;
type Format = (typeof FORMATS)[number];

interface Heard {
  text: string;
  seconds: number;
}

/** What is known of a file without hearing it. */
async function hear(file: File): Promise<Heard> {
  const bytes = Buffer.from(await file.arrayBuffer());
  const wav = readWav(bytes);
  const seconds = wav?.seconds ?? 0;
  if (wav?.software === "local/tts" && wav.comment !== null) return { text: `[local/stt] ${wav.comment}`, seconds };
  const mark = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  const length = wav === null ? "" : ` of ${seconds.toFixed(2)} seconds`;
  return { text: `[local/stt] I cannot hear. This is a file of ${bytes.byteLength} bytes${length}, with the mark ${mark}.`, seconds };
}

/** `00:00:01,500`, or with the dot of WebVTT. */
function timeOf(seconds: number, separator: "," | "."): string {
  const ms = Math.round(seconds * 1_000);
  const parts = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, Math.floor(ms / 1_000) % 60];
  return `${parts.map((part) => String(part).padStart(2, "0")).join(":")}${separator}${String(ms % 1_000).padStart(3, "0")}`;
}

const segmentOf = ({ text, seconds }: Heard) => ({
  ...{ id: 0, seek: 0, start: 0, end: seconds, text, tokens: [] as number[] },
  ...{ temperature: 0, avg_logprob: 0, compression_ratio: 1, no_speech_prob: 0 },
});

const TEXTS: Record<"text" | "srt" | "vtt", (heard: Heard) => { contentType: string; body: string }> = {
  text: ({ text }) => ({ contentType: "text/plain; charset=utf-8", body: `${text}\n` }),
  srt: ({ text, seconds }) => ({
    contentType: "text/plain; charset=utf-8",
    body: `1\n${timeOf(0, ",")} --> ${timeOf(seconds, ",")}\n${text}\n\n`,
  }),
  vtt: ({ text, seconds }) => ({
    contentType: "text/vtt; charset=utf-8",
    body: `WEBVTT\n\n${timeOf(0, ".")} --> ${timeOf(seconds, ".")}\n${text}\n\n`,
  }),
};

async function* once(text: string): AsyncGenerator<Uint8Array, void> {
  yield Buffer.from(text);
}

const eventsOf = ({ text }: Heard, usage: object): string =>
  [
    { type: "transcript.text.delta", delta: text },
    { type: "transcript.text.done", text, usage },
  ]
    .map((event) => `data: ${JSON.stringify(event)}\n\n`)
    .join("");

/** `local/stt`: hears nothing, and says so; what `local/tts` has made it reads back. */
export async function localTranscription({ body }: DirectRequest): Promise<DirectAnswer> {
  const file = body instanceof FormData ? body.get("file") : null;
  if (!(body instanceof FormData) || !(file instanceof File)) throw refuse("file", "A file is needed.");
  const asked = body.get("response_format") ?? "json";
  const format = FORMATS.find((known): known is Format => known === asked);
  if (format === undefined) throw refuse("response_format", `local/stt answers as ${FORMATS.join(", ")}.`);
  const heard = await hear(file);
  const tokens: Usage = { ...NO_USAGE, outputTokens: tokensIn(heard.text.length), modelCalls: 1 };
  const usage = () => tokens;
  const counted = { type: "duration", seconds: heard.seconds };
  if (body.get("stream") === "true") {
    return { kind: "bytes", contentType: "text/event-stream; charset=utf-8", bytes: once(eventsOf(heard, counted)), usage };
  }
  if (format === "text" || format === "srt" || format === "vtt") {
    const { contentType, body: said } = TEXTS[format](heard);
    return { kind: "bytes", contentType, bytes: once(said), usage };
  }
  const short = { text: heard.text, usage: counted };
  const value =
    format === "json"
      ? short
      : { task: "transcribe", language: "english", duration: heard.seconds, ...short, segments: [segmentOf(heard)] };
  return { kind: "json", text: JSON.stringify(value), value, usage };
}
