import { setTimeout as sleep } from "node:timers/promises";
import { isTurnEnd } from "@parley/contracts";
import { type Crowd, emptyCrowd, joinCrowd, sayFor, sayNext } from "./crowd.ts";
import type { Reading } from "./follow-along.ts";
import { invokeOverRest } from "./invoke-over-rest.ts";
import type { Stage } from "./open-stage.ts";

/** Callers who say something, hear the whole answer, and say the next thing. */
export interface Load {
  crowd: Crowd;
  /** How many answers were heard. */
  answers(): number;
  /** Nobody says anything more. Resolves when all have heard what they are waiting for. */
  end(): Promise<void>;
}

const TALKERS = 9;
const STREAMERS = 4;
const LOOK_MS = 10;
/** The long ones are still at it when a worker's grace is over. */
const SAYINGS = [sayFor(300), sayFor(2_400), `use:charge:late; ${sayFor(300)}`, `call:helper; ${sayFor(1_200)}`];

const sayingOf = (index: number): string => SAYINGS[index % SAYINGS.length] ?? "";

/** Over tRPC with readers of all kinds, and as streams of the REST door, each of which begins a conversation. */
export function keepTalking(stage: Stage): Load {
  const crowd = emptyCrowd(stage);
  let isOver = false;

  async function talk(name: string, offset: number): Promise<void> {
    const talk = await joinCrowd(stage, crowd, { name, messages: [sayingOf(offset)] });
    const reading = crowd.readings.find(({ conversationId }) => conversationId === talk.conversationId);
    for (let said = 1; ; said += 1) {
      while (endsOf(reading) < said) await sleep(LOOK_MS);
      if (isOver) return;
      await sayNext(crowd, talk, { name: `${name}m${said}`, steps: sayingOf(offset + said) });
    }
  }

  async function stream(name: string, offset: number): Promise<void> {
    for (let said = 0; !isOver; said += 1) {
      await invokeOverRest(stage, crowd, { name: `${name}m${said}`, steps: sayingOf(offset + said) });
    }
  }

  const talking = Promise.all([
    ...Array.from({ length: TALKERS }, (_, index) => talk(`talker${index}`, index)),
    ...Array.from({ length: STREAMERS }, (_, index) => stream(`streamer${index}`, index)),
  ]);
  talking.catch(() => undefined);
  return {
    crowd,
    answers: () => crowd.readings.reduce((sum, reading) => sum + endsOf(reading), 0),
    async end() {
      isOver = true;
      await talking;
    },
  };
}

/** How many turns a reader was told the end of. Throws where it has given up. */
function endsOf(reading: Reading | undefined): number {
  if (reading === undefined || reading.failure !== null) throw new Error(`A reader gave up: ${reading?.failure}`);
  const { events, frames } = reading;
  return events.filter(({ type }) => isTurnEnd(type)).length + frames.filter(({ type }) => type === "turn_finished").length;
}
