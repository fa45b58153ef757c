import { createHash } from "node:crypto";
import { type Handler, missing, modelIn, userIn, wrong } from "./call.ts";
import { answerDirect } from "./direct-answer.ts";
import { directModels } from "./direct-models.ts";

/** What tells a form from another one: its fields, and of files what they hold. */
const meaningOf = (form: FormData): Promise<unknown[]> =>
  Promise.all(
    [...form].map(async ([name, value]) =>
      typeof value === "string"
        ? [name, value]
        : [
            name,
            value.name,
            createHash("sha256")
              .update(await value.bytes())
              .digest("hex"),
          ],
    ),
  );

/** The text of what is said in an upload. */
export const transcriptions: Handler = async (door, call) => {
  const form = await door.readForm(call.request, call.response);
  const model = modelIn(form.get("model"));
  const file = form.get("file");
  if (file === null) throw missing("file");
  if (typeof file === "string" || file.size === 0) throw wrong("file", "A file with a name is needed, and not an empty one.");
  const models = directModels(door, model);
  const input = call.request.headers["idempotency-key"] === undefined ? null : await meaningOf(form);
  return answerDirect(door, call, { kind: "transcriptions", models, user: userIn(form.get("user")), body: form, input });
};
