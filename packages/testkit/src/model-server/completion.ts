import type { ModelServerRequest, Reply } from "./reply.ts";

type Delta = Record<string, unknown>;

const FRAGMENTS_PER_CALL = 3;

const argumentsOf = (given: unknown): string => (typeof given === "string" ? given : JSON.stringify(given));

const callsOf = (reply: Reply) =>
  (reply.toolCalls ?? []).map((call, index) => ({
    index,
    id: call.id ?? `call_${index}`,
    name: call.name,
    arguments: argumentsOf(call.arguments),
  }));

const textsOf = (reply: Reply): string[] => [
  ...Array.from({ length: reply.tokens ?? 0 }, (_, index) => (index === 0 ? "t0" : ` t${index}`)),
  ...(reply.text === undefined ? [] : [reply.text].flat()),
];

/** All calls open first; then their fragments take turns. */
const toolDeltas = (reply: Reply): Delta[] => {
  const calls = callsOf(reply);
  const opening = calls.map(({ index, id, name }) => ({
    tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }],
  }));
  const fragments = Array.from({ length: FRAGMENTS_PER_CALL }, (_, part) =>
    calls.flatMap(({ index, arguments: text }) => {
      const size = Math.ceil(text.length / FRAGMENTS_PER_CALL);
      const fragment = text.slice(part * size, (part + 1) * size);
      return fragment === "" ? [] : [{ tool_calls: [{ index, function: { arguments: fragment } }] }];
    }),
  );
  return [...opening, ...fragments.flat()];
};

/** The deltas that carry something, in order. */
export const contentDeltas = (reply: Reply): Delta[] => [
  ...(reply.reasoning ?? []).map((reasoning) => ({ reasoning })),
  ...textsOf(reply).map((content) => ({ content })),
  ...toolDeltas(reply),
];

export const finishOf = (reply: Reply): string | null =>
  reply.finish === undefined ? (reply.toolCalls?.length ? "tool_calls" : "stop") : reply.finish;

/** Counted figures, so that they differ from call to call: a quarter of the prompt's characters in, one per chunk out. */
export const usageOf = (request: ModelServerRequest, reply: Reply): Record<string, unknown> | null => {
  if (reply.usage === null) return null;
  const prompt = Math.ceil(JSON.stringify(request.body.messages ?? request.body.input ?? "").length / 4);
  const completion = contentDeltas(reply).length;
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion, ...reply.usage };
};

/** The same answer in one piece, for a request that does not stream. */
export const wholeCompletion = (id: string, request: ModelServerRequest, reply: Reply) => {
  const calls = callsOf(reply).map(({ id: callId, name, arguments: text }) => ({
    id: callId,
    type: "function",
    function: { name, arguments: text },
  }));
  const message = { role: "assistant", content: textsOf(reply).join(""), ...(calls.length === 0 ? {} : { tool_calls: calls }) };
  const usage = usageOf(request, reply);
  return {
    id,
    object: "chat.completion",
    created: 0,
    model: request.body.model,
    choices: [{ index: 0, message, finish_reason: finishOf(reply) }],
    ...(usage === null ? {} : { usage }),
  };
};
