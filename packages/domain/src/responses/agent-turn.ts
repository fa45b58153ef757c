import { isGatewayError } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Caller } from "../identity/caller.ts";
import { unsealFor } from "./answer-response.ts";
import { chatMessages } from "./chat-request.ts";
import { type Prepared, prepareResponse, toKeep } from "./create-response.ts";
import type { Remembered } from "./gather-context.ts";
import type { Json, ResponseSnapshot } from "./response.ts";
import type { ResponseRequest } from "./response-request.ts";
import type { ResponseTurn } from "./response-store.ts";

interface TurnInput extends Pick<Prepared, "inputs" | "before"> {
  /** What the agent is told, as a chat: what it has heard itself is left out. */
  messages: Json[];
  /** The agent's conversation that goes on; null where one begins. */
  conversationId: string | null;
}

/** What a request says to an agent, and in which of its conversations. */
export async function prepareTurn(
  context: GatewayContext,
  caller: Caller,
  request: ResponseRequest,
  { agentId, remembered = null }: { agentId: string; remembered?: Remembered | null },
): Promise<TurnInput> {
  const { before, inputs } = await prepareResponse(context, caller, request, remembered);
  const { organizationId } = caller;
  const known =
    before.conversationId === null
      ? null
      : await context.responses.readConversation({ organizationId, conversationId: before.conversationId });
  const own = before.turn?.agentId === agentId ? before.turn.conversationId : (known?.agents[agentId] ?? null);
  const items = own === null ? [...before.items, ...inputs] : inputs;
  const messages = chatMessages(items, request.instructions, unsealFor(context.vault, organizationId));
  return { messages, inputs, before, conversationId: own };
}

interface NewTurnResponse extends Pick<Prepared, "inputs" | "before" | "uuid" | "head"> {
  turn: ResponseTurn;
  background: boolean;
}

/** Keeps the response of a turn that has been accepted; of a call that was repeated the first one's stays. */
export async function saveTurn(
  context: GatewayContext,
  caller: Caller,
  { uuid, head, inputs, before, turn, background }: NewTurnResponse,
): Promise<void> {
  const { organizationId } = caller;
  if ((await context.responses.read({ organizationId, responseId: uuid })) !== null) return;
  const kept = toKeep(caller, { id: head.id, uuid, head, inputs, before }, { turn, background, snapshot: head, events: [] });
  await context.responses.save(kept, { waitingMax: context.limits.backgroundResponsesMax });
  const { conversationId } = before;
  if (conversationId === null) return;
  await context.responses.changeConversation({ organizationId, conversationId }, { agents: { [turn.agentId]: turn.conversationId } });
}

interface TurnEnd {
  snapshot: ResponseSnapshot;
  events: string[];
  supersededThrough: number | undefined;
}

/** Nobody claims the response of a turn: its epoch is the first. */
const EPOCH = 0;
const INT_MAX = 2_147_483_647;

/** Keeps how a turn has ended; whoever comes second changes nothing. */
export async function endTurn(
  context: GatewayContext,
  { organizationId }: Caller,
  uuid: string,
  { snapshot, events, supersededThrough }: TurnEnd,
): Promise<void> {
  try {
    await context.responses.append(
      { organizationId, responseId: uuid },
      {
        ...{ epoch: EPOCH, first: 0, events, leaseMs: 0, status: snapshot.status, snapshot },
        ...(supersededThrough !== undefined && { supersededThrough: Math.min(supersededThrough, INT_MAX) }),
      },
    );
  } catch (error) {
    if (!isGatewayError(error, "stale_epoch")) throw error;
  }
}
