import { isObject } from "@parley/contracts";
import { type Handler, missing, readBody, userIn, wrong } from "./call.ts";
import { answerDirect } from "./direct-answer.ts";
import { directModels } from "./direct-models.ts";

const INPUT_CHARS_MAX = 4_096;

/** Speech of a text, passed on as it is made. */
export const speech: Handler = async (door, call) => {
  const body = await readBody(door, call);
  const { input, voice } = body;
  if (input === undefined || input === null || input === "") throw missing("input");
  if (typeof input !== "string") throw wrong("input", "A text is needed.");
  if (input.length > INPUT_CHARS_MAX) throw wrong("input", `At most ${INPUT_CHARS_MAX} characters.`, "string_above_max_length");
  if (voice === undefined || voice === null || voice === "") throw missing("voice");
  if (typeof voice !== "string" && !isObject(voice)) throw wrong("voice", "A voice is named by a text or by its id.");
  return answerDirect(door, call, { kind: "speech", models: directModels(door, body.model), user: userIn(body.user), body, input: body });
};
