import { createHash } from "node:crypto";
import type { ModelServerRequest, Reply } from "@parley/testkit";

type ScriptedToolCall = NonNullable<Reply["toolCalls"]>[number];

/**
 * What the model does is written in the text that it is asked: `<marker> <step>; <step>; …`, each step a list of words. `say:N:delayMs`
 * are so many tokens, `call:a,b` hands work to these agents, with `:NxM` behind it they say N tokens, one each M ms; `use:tool:how` calls
 * a tool that goes about it in that way, `hand:peer:way` hands work to a peer, `ask` asks the user; `cut:N` and `busy` go wrong the first time, `mute` leaves the usage out. The
 * last step is also every later one.
 */
interface Script {
  /** Names the message: unique over all trials. */
  marker: string;
  steps: string[][];
}

const MARKED = /(t\d+(?:\.\w+)+) ([^\n]+)/g;

/** The script in a text; of several, the last. Null where there is none. */
function readScript(text: string): Script | null {
  const found = [...text.matchAll(MARKED)].at(-1);
  if (found === undefined) return null;
  const [, marker = "", words = ""] = found;
  return { marker, steps: words.split(";").map((step) => step.trim().split(" ")) };
}

/** Which answer of which message a request is for; the same for a request that is made again. */
export function keyOf({ body, lastUserText }: ModelServerRequest): string {
  const messages = body.messages ?? [];
  const lastUser = messages.findLastIndex(({ role }) => role === "user");
  const step = messages.slice(lastUser).filter(({ role }) => role === "assistant").length + 1;
  const marker = readScript(lastUserText)?.marker ?? createHash("sha256").update(lastUserText).digest("hex").slice(0, 16);
  return `${marker}/${step}`;
}

/** Counted figures that no two answers share, so that a usage record tells whose it is. */
function usageOfKey(key: string): { prompt_tokens: number; completion_tokens: number } {
  const bytes = createHash("sha256").update(key).digest();
  return { prompt_tokens: bytes.readUInt32BE(0) % 1_000_000, completion_tokens: bytes.readUInt32BE(4) % 1_000_000 };
}

/** A scripted model that keeps in mind what has gone wrong already. */
export function scriptedReply(): (request: ModelServerRequest) => Reply {
  const asked = new Map<string, number>();
  return (request) => {
    const key = keyOf(request);
    const times = (asked.get(key) ?? 0) + 1;
    asked.set(key, times);
    const script = readScript(request.lastUserText);
    const step = Number(key.slice(key.lastIndexOf("/") + 1));
    const words = script?.steps[Math.min(step, script.steps.length) - 1] ?? ["say:3"];
    return replyOf(key, words, { usage: usageOfKey(key), isFirst: times === 1 });
  };
}

function replyOf(key: string, words: string[], { usage, isFirst }: { usage: Reply["usage"]; isFirst: boolean }): Reply {
  const reply: Reply = { usage: usage ?? null };
  const calls: Omit<ScriptedToolCall, "id">[] = [];
  for (const word of words) {
    const [verb, first = "", second] = word.split(":");
    if (verb === "say") {
      reply.text = Array.from({ length: Number(first) }, (_, index) => `${key}#${index} `);
      reply.delayMs = Number(second ?? 0);
    }
    if (verb === "call") for (const name of first.split(",")) calls.push(dispatch(key, name, { index: calls.length, says: second }));
    if (verb === "use") calls.push({ name: first, arguments: { order: `${key}/${calls.length}`, how: second ?? "plain" } });
    if (verb === "hand") calls.push({ name: `call_${first}_do`, arguments: { input: `${key}/${calls.length} ${peerWay(second)}` } });
    if (verb === "ask") calls.push(question(key));
    if (verb === "cut" && isFirst) reply.breaks = { afterChunks: Number(first), how: "cut" };
    if (verb === "busy" && isFirst) reply.status = 503;
    if (verb === "mute") reply.usage = null;
  }
  if (calls.length > 0) reply.toolCalls = calls.map((call, index) => ({ ...call, id: `${key}/${index}` }));
  return reply;
}

/** How a peer goes about its work, in the words that it does what they say by. */
const PEER_WAYS: Record<string, string> = {
  slow: "works:400",
  late: "works:50 late:300",
  failing: "works:50 fails",
  asks: "asks",
  forever: "forever",
  lateForever: "forever late:300",
};
/** A fault of the OpenClaw gateway names itself. */
const peerWay = (name = "plain"): string => PEER_WAYS[name] ?? (name === "plain" ? "works:0" : `fault:${name}`);

function dispatch(
  key: string,
  name: string,
  { index, says = "6x4" }: { index: number; says: string | undefined },
): Omit<ScriptedToolCall, "id"> {
  const marker = `${key.replace("/", ".s")}.c${index}`;
  const script = { deep: "call:helper; say:3:1", asker: "ask; say:3:1" }[name] ?? `say:${says.replace("x", ":")}`;
  return { name, arguments: { query: `${marker} ${script}` } };
}

const question = (key: string): Omit<ScriptedToolCall, "id"> => ({
  name: "ask_user_questions",
  arguments: { questions: [{ id: "q", text: `${key} or not?` }] },
});
