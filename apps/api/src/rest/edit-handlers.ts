import { GatewayError, isGatewayError, messageId as messageIdSchema, type SubmitInput } from "@parley/contracts";
import { type Caller, checkMessage, type SubmitFacts } from "@parley/domain";
import { type Call, type Door, type Handler, keyOf, onEntry, resumeCursor } from "./call.ts";
import { hasOtherEntry } from "./find-entry.ts";
import { parse } from "./parse.ts";
import { comeBack, runStream, streamOf } from "./run-stream.ts";
import { tellTurn } from "./stream-handlers.ts";
import { answerWithTurn } from "./turn-handlers.ts";
import { editBody, editQuery, toSubmitInput } from "./wire-input.ts";

interface Edit {
  caller: Caller;
  conversationId: string;
  input: SubmitInput;
  facts: SubmitFacts;
  /** As the path names it. */
  entryId: string;
}

/** An edit's path, query, headers and body. What the body says of its conversation is not looked at: the path names it. */
async function readEdit(door: Door, call: Call): Promise<Edit> {
  const { agentId, conversationId, entryId, caller } = onEntry(call);
  const { expected_version, ...query } = parse(editQuery, call.request.query, "query");
  const body = parse(editBody, await door.readJsonBody(call.request, call.response), "body");
  const key = keyOf(call, body.idempotency_key);
  const input = toSubmitInput({ agentId, body: { ...body, id: conversationId, on_running: null }, query, key });
  checkMessage(input, door.limits);
  const messageId = messageIdSchema.safeParse(entryId);
  if (!messageId.success) throw await refusalOf(door, { caller, conversationId, entryId });
  const expectedVersion = expected_version ?? body.expected_version ?? undefined;
  return {
    ...{ caller, conversationId, input, entryId },
    facts: { route: call.route, edits: { messageId: messageId.data, expectedVersion } },
  };
}

/** Entries of the thread that nobody sent are told apart from what is not there. */
const refusalOf = async ({ gateway }: Door, { caller, ...place }: Pick<Edit, "caller" | "conversationId" | "entryId">) =>
  new GatewayError((await hasOtherEntry(gateway, caller, place)) ? "not_a_user_message" : "not_found");

async function orRefuse<Answer>(door: Door, edit: Edit, work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work();
  } catch (error) {
    throw isGatewayError(error, "not_found") ? await refusalOf(door, edit) : error;
  }
}

/** Rewrites a user's earlier message and waits for its turn, as an invoke does. What came after it stays as a branch. */
export const edit: Handler = async (door, call) => {
  const edited = await readEdit(door, call);
  await orRefuse(door, edited, () => answerWithTurn(door, call, edited));
};

/** The same, told as it happens. The head waits for the commit: what is refused is a plain status. */
export const editStream: Handler = async (door, call) => {
  const edited = await readEdit(door, call);
  const { caller, conversationId, input, facts } = edited;
  const after = resumeCursor(call.request);
  if (after !== undefined) return comeBack(door, call, { caller, conversationId, after });
  const stream = streamOf(door, call, conversationId);
  const following = await orRefuse(door, edited, () => door.gateway.submitAndFollow(caller, input, { ...facts, signal: stream.signal }));
  await runStream(door, stream, () => tellTurn(door, stream, { caller, following }));
};
