import { SCOPES } from "@parley/contracts";
import type { Caller, Gateway, Log } from "@parley/domain";
import { expect, test } from "vitest";
import { appRouter } from "./app-router.ts";
import { toGatewayError } from "./error-shape.ts";
import { createCallerFactory } from "./procedure.ts";
import { visitorWith } from "./testing/visitor-with.ts";

const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const caller: Caller = { organizationId: "o", principalId: "p", scopes: new Set(SCOPES), agentIds: null };
const [conversationId, agentId] = ["0198b2f0-0000-7000-8000-000000000001", "0198b2f0-0000-7000-8000-000000000002"];

/** Procedures over a gateway that keeps what it is given. */
function procedures(idempotencyHeader: string | null = null) {
  const given: unknown[][] = [];
  const gateway = new Proxy({} as Gateway, {
    get:
      (_target, name) =>
      async (...parameters: unknown[]) => {
        if (name !== "authenticate") given.push(parameters.slice(1));
        return caller;
      },
  });
  const context = { gateway, log, visitor: visitorWith(gateway, "good"), idempotencyHeader, openStream: () => () => {} };
  return { given, call: createCallerFactory(appRouter)(context) };
}

const refusal = async (promise: Promise<unknown>) => {
  const { code, issues } = toGatewayError(
    await promise.then(
      () => null,
      (error: unknown) => error,
    ),
  );
  return { code, issues };
};

test("a call's key reaches the use case under the route's name, and is no part of what is hashed", async () => {
  const once = { route: "conversation.stop", key: "k" };
  const order = { conversationId, clearQueue: false };
  for (const [header, idempotencyKey] of [
    ["k", undefined],
    [null, "k"],
    ["k", "k"],
  ] as const) {
    const { call, given } = procedures(header);
    await call.conversation.stop({ conversationId, ...(idempotencyKey && { idempotencyKey }) });
    expect(given).toEqual([[order, once]]);
  }
  const { call, given } = procedures();
  await call.conversation.stop({ conversationId });
  expect(given).toEqual([[order, undefined]]);
});

test("a message's key reaches admission, however it came", async () => {
  const { call, given } = procedures("k");
  await call.turn.submit({ agentId, text: "Hello" });
  expect(given[0]).toMatchObject([{ text: "Hello", idempotencyKey: "k" }, { route: "turn.submit" }]);
});

test("a header and an input that name different keys are refused, and nothing is done", async () => {
  const { call, given } = procedures("one");
  expect(await refusal(call.conversation.stop({ conversationId, idempotencyKey: "another" }))).toMatchObject({ code: "bad_request" });
  expect(given).toEqual([]);
});

test("a stream that changes something needs a key", async () => {
  const message = { agentId, text: "Hello" };
  const expected = { code: "invalid_input", issues: [{ path: ["idempotencyKey"] }] };
  expect(await refusal(procedures().call.turn.stream(message))).toMatchObject(expected);
  const answer = { conversationId, cardId: agentId, answers: [] };
  expect(await refusal(procedures().call.card.answerStream(answer))).toMatchObject(expected);
  await expect(procedures("k").call.turn.stream(message)).resolves.toBeDefined();
});
