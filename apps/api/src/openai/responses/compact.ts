import { randomUUID } from "node:crypto";
import { readResponseRequest } from "@parley/domain";
import { sendJson } from "../../send-json.ts";
import { type Json, leavingOf, requestIdOf } from "../call.ts";
import { answerOnce } from "../kept-answer.ts";
import { sendKept } from "./create.ts";
import type { ResponsesHandler } from "./responses-door.ts";

/** What of a request to compact is looked at; the rest is nobody's business. */
const KNOWN = ["model", "input", "previous_response_id", "instructions", "prompt_cache_key"];

const compactionRequest = (body: unknown) =>
  readResponseRequest(
    typeof body === "object" && body !== null ? Object.fromEntries(KNOWN.map((name) => [name, (body as Json)[name]])) : body,
  );

/** Few items instead of many. */
export const compact: ResponsesHandler = async (door, call) => {
  const body = await door.readJsonBody(call.request, call.response);
  const request = compactionRequest(body);
  const signal = leavingOf(call).signal;
  await answerOnce(door, call, { input: body, signal }, async (copy) => {
    const facts = { route: call.route, requestId: requestIdOf(call), signal };
    const { output, usage, createdAt } = await door.responses.compact(call.caller, request, facts);
    const { inputTokens, outputTokens, cachedTokens, reasoningTokens } = usage;
    const answer = {
      id: `resp_${randomUUID().replaceAll("-", "")}`,
      object: "response.compaction",
      created_at: createdAt,
      output,
      usage: {
        input_tokens: inputTokens,
        input_tokens_details: { cached_tokens: cachedTokens },
        output_tokens: outputTokens,
        output_tokens_details: { reasoning_tokens: reasoningTokens },
        total_tokens: inputTokens + outputTokens,
      },
    };
    await sendKept(call, answer, copy);
  });
};

/** Our estimate: only the provider knows its tokens. */
export const countInput: ResponsesHandler = async (door, call) => {
  const request = readResponseRequest(await door.readJsonBody(call.request, call.response));
  const { inputTokens } = await door.responses.countInput(call.caller, request);
  sendJson(call.response, 200, { object: "response.input_tokens", input_tokens: inputTokens });
};
