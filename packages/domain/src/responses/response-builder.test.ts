import { NO_USAGE } from "@parley/contracts";
import { expect, test } from "vitest";
import { ChatReader } from "./chat-reader.ts";
import type { Json, ResponseEvent } from "./response.ts";
import { ResponseBuilder } from "./response-builder.ts";
import { responseHead } from "./response-head.ts";
import { readResponseRequest } from "./response-request.ts";
import { wrongWith } from "./testing/check-events.ts";

const TOOLS = ["look", "pay"].map((name) => ({ type: "function", name, parameters: { type: "object" } }));
const usage = { ...NO_USAGE, inputTokens: 3, outputTokens: 2 };

/** The events that these chunks make of a request. */
function told(body: Json, ...chunks: Json[][]) {
  const request = readResponseRequest({ model: "m", input: "Hi", ...body });
  const head = responseHead(request, { id: `resp_${"0".repeat(32)}`, model: "m", createdAt: 1, conversation: null });
  const showsSummary = request.reasoning?.summary !== undefined;
  const builder = new ResponseBuilder(head, { showsSummary, seal: (text) => `sealed ${text}` });
  builder.begin("in_progress");
  const reader = new ChatReader(request, builder);
  for (const some of chunks) reader.take(some);
  const { reason } = reader.end();
  builder.end({ status: reason === null ? "completed" : "incomplete", reason, usage, at: 2 });
  const events = builder.take();
  return { events, types: events.map(({ type }) => type.replace("response.", "")), response: builder.snapshot };
}
const delta = (value: Json, finish: string | null = null): Json => ({ choices: [{ index: 0, delta: value, finish_reason: finish }] });
const piece = (index: number, id: string | undefined, name: string | undefined, given: string): Json =>
  delta({ tool_calls: [{ index, id, function: { name, arguments: given } }] });
const stop = delta({}, "stop");

test("a text answer has its events in the one order, and what came together is one piece", () => {
  const { events, types } = told(
    {},
    [delta({ role: "assistant", content: "" })],
    [delta({ content: "Hel" }), delta({ content: "lo" })],
    [stop],
  );
  expect(wrongWith(events)).toEqual([]);
  expect(types).toEqual([
    ...["created", "in_progress", "output_item.added", "content_part.added", "output_text.delta"],
    ...["output_text.done", "content_part.done", "output_item.done", "completed"],
  ]);
});

test("reasoning, text, a refusal and calls that interleave are each closed before the end", () => {
  const { events, response } = told(
    { tools: TOOLS, reasoning: { summary: "auto" } },
    [delta({ reasoning_content: "hm" })],
    [delta({ content: "So" })],
    [delta({ refusal: "no" })],
    [piece(0, "call_a", "look", "")],
    [piece(1, "call_a", "pay", '{"a":')],
    [piece(0, undefined, undefined, "{}"), piece(1, undefined, undefined, "1}")],
    [delta({}, "tool_calls")],
  );
  expect(wrongWith(events)).toEqual([]);
  expect(response.output.map(({ type }) => type)).toEqual(["reasoning", "message", "function_call", "function_call"]);
  expect(response.output[0]).toMatchObject({ summary: [{ text: "hm" }], encrypted_content: "sealed hm" });
  expect(response.output.slice(2)).toMatchObject([{ call_id: "call_a", arguments: "{}" }, { arguments: '{"a":1}' }]);
  expect(response.output[3]?.call_id).not.toBe("call_a");
});

test.each([
  ["length", "max_output_tokens"],
  ["content_filter", "content_filter"],
])("an answer cut by %s ends incomplete, its last item too", (finish, reason) => {
  const { events, response } = told({}, [delta({ content: "Hel" })], [delta({}, finish)]);
  expect(wrongWith(events)).toEqual([]);
  expect(response).toMatchObject({
    status: "incomplete",
    incomplete_details: { reason },
    completed_at: null,
    output: [{ status: "incomplete" }],
  });
});

test.each([
  ["none", "none", []],
  ["another function", { type: "function", name: "look" }, ["look"]],
  ["those allowed", { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "look" }] }, ["look"]],
])("calls that the choice %s does not allow are not told", (_, choice, names) => {
  const { events, response } = told(
    { tools: TOOLS, tool_choice: choice },
    [piece(0, "a", "pay", "{}"), piece(1, "b", "look", "{}")],
    [stop],
  );
  expect(wrongWith(events)).toEqual([]);
  expect(response.output.map(({ name }) => name)).toEqual(names);
});

test("without parallel calls only the first is told", () => {
  const { response } = told(
    { tools: TOOLS, parallel_tool_calls: false },
    [piece(0, "a", "pay", "{}"), piece(1, "b", "look", "{}")],
    [stop],
  );
  expect(response.output.map(({ name }) => name)).toEqual(["pay"]);
});

test("an answer that does not fit a strict schema is not passed off as whole", () => {
  const schema = { type: "object", properties: { a: { type: "number" } }, required: ["a"] };
  const text = { format: { type: "json_schema", name: "n", strict: true, schema } };
  expect(told({ text }, [delta({ content: '{"a":1}' })], [stop]).response.status).toBe("completed");
  expect(told({ text }, [delta({ content: '{"b":1}' })], [stop]).response.incomplete_details).toEqual({ reason: "invalid_output" });
});

test("a failure leaves out what was not finished, and says so in both forms", () => {
  const request = readResponseRequest({ model: "m", input: "Hi" });
  const builder = new ResponseBuilder(responseHead(request, { id: "resp_1", model: "m", createdAt: 1, conversation: null }), {
    showsSummary: false,
    seal: null,
  });
  builder.begin("in_progress");
  builder.text("half");
  builder.fail({ type: "server_error", code: "model_unavailable", message: "gone", param: null }, null);
  const events = builder.take();
  expect(wrongWith(events)).toEqual([]);
  expect(JSON.parse(events.at(-2)?.text ?? "")).toMatchObject({ type: "error", code: "model_unavailable", error: { message: "gone" } });
  expect(builder.snapshot).toMatchObject({ status: "failed", output: [], error: { code: "model_unavailable", type: "server_error" } });
});

test("the checker of these tests finds what is wrong", () => {
  const { events } = told({}, [delta({ content: "Hel" })], [stop]);
  const without = (type: string): ResponseEvent[] => events.filter((event) => event.type !== type);
  for (const type of [
    "response.created",
    "response.output_item.added",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]) {
    expect([type, wrongWith(without(type)).length > 0]).toEqual([type, true]);
  }
});
