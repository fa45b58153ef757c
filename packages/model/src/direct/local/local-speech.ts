import { NO_USAGE, type Usage } from "@parley/contracts";
import type { DirectAnswer, DirectRequest } from "@parley/domain";
import { hashText } from "../../hash-text.ts";
import { textOf } from "../known.ts";
import { tokensIn } from "../usage-count.ts";
import { refuse } from "./refuse.ts";
import { SAMPLE_RATE, writeWav } from "./wav.ts";

const LOCAL_TTS = "local/tts";
/** Two falling tones before anything else, by which everyone hears that nobody speaks here. */
const LABEL_HZ = [880, 440];
const TONE_SECONDS = 0.08;
const GAP_SECONDS = 0.02;
const LOWEST_HZ = 180;
const RANGE_HZ = 400;
const VOLUME = 8_000;

/** One tone and the silence behind it. */
function writeTone(samples: Buffer, from: number, { hz, tone }: { hz: number; tone: number }): void {
  for (let index = 0; index < tone; index += 1) {
    // Rises and falls, so that there is no click.
    const loudness = Math.sin((Math.PI * index) / tone);
    samples.writeInt16LE(Math.round(VOLUME * loudness * Math.sin((2 * Math.PI * hz * index) / SAMPLE_RATE)), (from + index) * 2);
  }
}

/** Enough to be heard; a long text is not to keep everyone else waiting. */
const WORDS_MAX = 64;

/** A tone for each of the first words, of a pitch that is the word's own. */
function soundOf(text: string, speed: number): Buffer {
  const words = (text.match(/\S+/g) ?? []).slice(0, WORDS_MAX);
  const pitches = [...LABEL_HZ, ...words.map((word) => LOWEST_HZ + (hashText(word) % RANGE_HZ))];
  const tone = Math.round((TONE_SECONDS / speed) * SAMPLE_RATE);
  const step = tone + Math.round((GAP_SECONDS / speed) * SAMPLE_RATE);
  const samples = Buffer.alloc(step * pitches.length * 2);
  for (const [index, hz] of pitches.entries()) writeTone(samples, index * step, { hz, tone });
  return samples;
}

function speedOf(speed: unknown): number {
  if (speed === undefined || speed === null) return 1;
  if (typeof speed !== "number" || !(speed >= 0.25 && speed <= 4)) throw refuse("speed", "From 0.25 to 4.");
  return speed;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

/** As server-sent events, for those who asked for it. */
function eventsOf(sound: Buffer, { inputTokens }: Usage): Buffer {
  const usage = { input_tokens: inputTokens, output_tokens: 0, total_tokens: inputTokens };
  const events = [
    { type: "speech.audio.delta", audio: sound.toString("base64") },
    { type: "speech.audio.done", usage },
  ];
  return Buffer.from(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(""));
}

/** `local/tts`: no voice, but the same tones for the same text, as `wav` or `pcm`. The text stands in the WAV file, for `local/stt` to find. */
export function localSpeech({ body }: DirectRequest): DirectAnswer {
  if (body instanceof FormData) throw refuse("input", "A JSON body is needed.");
  const format = body.response_format ?? "mp3";
  if (format !== "wav" && format !== "pcm") throw refuse("response_format", "local/tts makes wav and pcm only; name one of them.");
  const input = textOf(body.input);
  const samples = soundOf(input, speedOf(body.speed));
  const sound = format === "pcm" ? samples : writeWav(samples, { software: LOCAL_TTS, comment: input });
  const usage: Usage = { ...NO_USAGE, inputTokens: tokensIn(input.length), modelCalls: 1 };
  if (body.stream_format === "sse") {
    return { kind: "bytes", contentType: "text/event-stream; charset=utf-8", bytes: once(eventsOf(sound, usage)), usage: () => usage };
  }
  return { kind: "bytes", contentType: `audio/${format}`, bytes: once(sound), usage: () => usage };
}
