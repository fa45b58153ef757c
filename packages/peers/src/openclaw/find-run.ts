import { z } from "zod";
import { messageText } from "./gateway-frame.ts";
import type { GatewayLine } from "./gateway-line.ts";

/** How much of a session is looked through. */
const MESSAGES_MAX = 200;

const said = z.looseObject({
  role: z.string().catch(""),
  idempotencyKey: z.string().optional().catch(undefined),
  stopReason: z.string().optional().catch(undefined),
});
const history = z.looseObject({ messages: z.array(z.unknown()).catch([]) });

/** A message that says that nothing follows it. */
const LAST = new Set(["stop", "end_turn", "length"]);

/** `answered`: what came of it. `taken`: the message is there, and its answer is not yet. `nothing`: the session does not show it. */
export type FoundRun = { is: "answered"; text: string } | { is: "taken" | "nothing" };

/**
 * Looks for a message in its session by the key that it was sent under, and for what was answered to it: the message of the run's own key, or
 * the last one before the next of a user. Throws what `ask` throws.
 */
export async function findRun(line: GatewayLine, { sessionKey, runId }: { sessionKey: string; runId: string }): Promise<FoundRun> {
  const read = history.safeParse(await line.ask("chat.history", { sessionKey, limit: MESSAGES_MAX }));
  const messages = (read.data?.messages ?? []).flatMap((message) => {
    const known = said.safeParse(message);
    return known.success ? [{ ...known.data, text: messageText(message) ?? "" }] : [];
  });
  const isOurs = (key: string | undefined): boolean => key === runId || key?.startsWith(`${runId}:`) === true;
  const own = messages.findLast(({ role, idempotencyKey }) => role === "assistant" && isOurs(idempotencyKey));
  if (own !== undefined) return { is: "answered", text: own.text };
  const asked = messages.findLastIndex(({ role, idempotencyKey }) => role === "user" && isOurs(idempotencyKey));
  if (asked === -1) return { is: "nothing" };
  const rest = messages.slice(asked + 1);
  const next = rest.findIndex(({ role }) => role === "user");
  const answers = (next === -1 ? rest : rest.slice(0, next)).filter(({ role, text }) => role === "assistant" && text !== "");
  const last = answers.at(-1);
  const isOver = last !== undefined && (next !== -1 || LAST.has(last.stopReason ?? ""));
  return isOver ? { is: "answered", text: last.text } : { is: "taken" };
}
