import { type Handler, type Json, missing, readBody, userIn, wrong } from "./call.ts";
import { answerDirect } from "./direct-answer.ts";
import { directModels } from "./direct-models.ts";

const INPUTS_MAX = 2_048;

const isTokens = (value: unknown): boolean => Array.isArray(value) && value.length > 0 && value.every((token) => Number.isInteger(token));
const isText = (value: unknown): boolean => typeof value === "string" && value !== "";

/** A text, texts, the tokens of a text, or those of several. */
function checkInput({ input }: Json): void {
  if (input === undefined || input === null) throw missing("input");
  if (isText(input) || isTokens(input)) return;
  if (!Array.isArray(input) || input.length === 0) throw wrong("input", "A text or tokens are needed, and none of them empty.");
  if (input.length > INPUTS_MAX) throw wrong("input", `At most ${INPUTS_MAX} inputs.`);
  if (!input.every(isText) && !input.every(isTokens)) throw wrong("input", "Texts or lists of tokens are needed, and none of them empty.");
}

function checkOptions({ encoding_format: format = null, dimensions = null }: Json): void {
  if (format !== null && format !== "float" && format !== "base64") throw wrong("encoding_format", "Must be float or base64.");
  const isSize = dimensions === null || (typeof dimensions === "number" && Number.isInteger(dimensions) && dimensions >= 1);
  if (!isSize) throw wrong("dimensions", "Must be a whole number above 0.");
}

/** Vectors of texts. */
export const embeddings: Handler = async (door, call) => {
  const body = await readBody(door, call);
  checkInput(body);
  checkOptions(body);
  return answerDirect(door, call, {
    kind: "embeddings",
    models: directModels(door, body.model),
    user: userIn(body.user),
    body,
    input: body,
  });
};
