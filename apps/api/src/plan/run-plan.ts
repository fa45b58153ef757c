import { type Agent, type ConversationId, type Cursor, START, submitInput } from "@parley/contracts";
import type { Caller, Following } from "@parley/domain";
import { NamedStream } from "../named-stream.ts";
import { toGatewayError } from "../to-gateway-error.ts";
import { type Accepted, beginTurn, type TurnInput } from "../turn/begin-turn.ts";
import { abandonPlan } from "./abandon-plan.ts";
import type { Call, Door } from "./call.ts";
import { type PlanCursor, readPlanCursor } from "./plan-cursor.ts";
import { type PlanRequest, pastOf, peersOf, readPlan } from "./plan-request.ts";
import { ended, PlanTelling } from "./plan-telling.ts";

/** `POST /plan`. With `Last-Event-ID` nothing is begun: the stream goes on behind that frame. */
export async function runPlan(door: Door, call: Call): Promise<void> {
  const lastEventId = call.request.headers["last-event-id"];
  if (typeof lastEventId === "string" && lastEventId !== "") return comeBack(door, call, readPlanCursor(lastEventId));
  const body = await door.readJsonBody(call.request, call.response);
  const plan = readPlan(body, door.limits);
  const planner = await door.gateway.findPlanner(call.caller);
  const caller = { ...call.caller, agentIds: new Set([planner.id]) };
  const close = door.openStream(call.caller);
  try {
    await begin(door, call, { plan, planner, caller });
  } finally {
    close();
  }
}

interface Asked {
  plan: PlanRequest;
  planner: Agent;
  caller: Caller;
}

async function begin(door: Door, call: Call, { plan, planner, caller }: Asked): Promise<void> {
  const told: { telling?: PlanTelling } = {};
  const stream = openedBy(call, told);
  const input = await inputOf(door, caller, plan, planner);
  const body = { plan, conversation: input.submit.conversationId };
  const { accepted, following } = await beginTurn(door, call, { caller, input, body, signal: stream.signal });
  const at = startOf(accepted);
  told.telling = tellingOf(door, { stream, at, caller });
  if (plan.preferences?.abort_on_disconnect === true)
    abandonPlan(door, { caller, accepted, stream, isOver: () => told.telling?.isOver === true });
  const session = {
    session_id: accepted.conversationId,
    external_session_id: plan.session_id ?? null,
    created: accepted.cursor === START,
  };
  stream.open(door.attachments, told.telling.opening(session));
  await tellAll(door, stream, told.telling, following);
}

/** Refused before the head goes out, where the conversation may not be read or is not there. */
async function comeBack(door: Door, call: Call, at: PlanCursor): Promise<void> {
  const told: { telling?: PlanTelling } = {};
  const stream = openedBy(call, told);
  const { conversationId, cursor } = at;
  const close = door.openStream(call.caller);
  try {
    const following = await door.gateway.followConversation(call.caller, {
      conversationId,
      after: cursor as Cursor,
      signal: stream.signal,
    });
    told.telling = tellingOf(door, { stream, at, caller: call.caller });
    stream.open(door.attachments, "");
    await tellAll(door, stream, told.telling, following);
  } finally {
    close();
  }
}

const openedBy = ({ response, credential }: Call, told: { telling?: PlanTelling }): NamedStream =>
  new NamedStream({ response, credential, ping: ": ping\n\n", farewell: (error) => told.telling?.farewell(error) ?? "" });

function tellingOf({ gateway }: Door, { stream, at, caller }: { stream: NamedStream; at: PlanCursor; caller: Caller }): PlanTelling {
  const usageSoFar = async () => (await gateway.getExecution(caller, at.conversationId)).usage;
  return new PlanTelling({ stream, at, usageSoFar });
}

const startOf = ({ conversationId, messageId, turnId, cursor }: Accepted): PlanCursor => ({
  conversationId,
  // A text that has answered a question is no message of its own.
  messageId: messageId === "" ? turnId : messageId,
  turnId,
  cursor,
  seen: cursor as Cursor,
  frames: 0,
  text: { step: 1, chars: 0 },
});

/** What goes wrong once the head is out is told in the stream. The plan itself goes on. */
async function tellAll(door: Door, stream: NamedStream, telling: PlanTelling, { events }: Following): Promise<void> {
  try {
    for await (const event of events) {
      await telling.tell(event);
      if (telling.isOver || stream.isOver) break;
    }
    if (!telling.isOver && !stream.isOver) throw ended();
  } catch (error) {
    if (!stream.isOver) await telling.fail(toGatewayError(error, door.log));
  }
  stream.end();
}

async function inputOf({ gateway, limits }: Door, caller: Caller, plan: PlanRequest, planner: Agent): Promise<TurnInput> {
  const { question, session_id: sessionId = "", preferences: asked = {} } = plan;
  const past = pastOf(plan, limits);
  const hasSession = past === undefined && sessionId !== "";
  const conversationId = hasSession ? await gateway.openSession(caller, { agentId: planner.id, sessionId }) : undefined;
  const submit = submitInput.parse({
    agentId: planner.id,
    conversationId: conversationId as ConversationId | undefined,
    text: question,
    options: {
      source: "planner",
      guarded: true,
      ...(asked.response_format !== undefined && { expectedOutput: asked.response_format }),
      ...(asked.max_steps !== undefined && { stepsMax: Math.min(asked.max_steps, limits.stepsPerTurnMax) }),
      ...(asked.max_hops !== undefined && { hopsMax: Math.min(asked.max_hops, limits.peerHopsMax) }),
      ...(asked.timeout_ms !== undefined && { timeoutMs: Math.min(asked.timeout_ms, limits.turnAskedMs) }),
      ...(past !== undefined && { summaryKnownThrough: past.summaries.length }),
    },
  });
  return { submit, isUsersOwn: hasSession, brings: { peers: peersOf(plan), past } };
}
