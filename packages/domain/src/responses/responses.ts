import type { Usage } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Caller } from "../identity/caller.ts";
import { endTurn, prepareTurn, saveTurn } from "./agent-turn.ts";
import { unsealFor } from "./answer-response.ts";
import { startBackground } from "./background-response.ts";
import { cancelResponse, deleteResponse, findResponse } from "./change-response.ts";
import { chatMessages, chatRequest } from "./chat-request.ts";
import { type Compacted, compactInput } from "./compact-input.ts";
import { type CreateFacts, createResponse, modelsOf, prepareResponse, type RunningResponse } from "./create-response.ts";
import { followResponse } from "./follow-response.ts";
import { itemConversations } from "./item-conversations.ts";
import { type Item, type ResponseSnapshot, uuidOfResponse } from "./response.ts";
import type { ResponseRequest } from "./response-request.ts";
import type { ResponseKey, StoredResponse } from "./response-store.ts";

/** An id that is none of ours is of no response. */
const NO_ID = "00000000-0000-0000-0000-000000000000";

/** The use cases of responses and conversations of items. All take the caller first; what the caller may not see is `not_found`. */
export function createResponses(context: GatewayContext) {
  const keyOf = ({ organizationId }: Caller, id: string): ResponseKey => ({ organizationId, responseId: uuidOfResponse(id) ?? NO_ID });

  return {
    ...itemConversations(context),
    create: (caller: Caller, request: ResponseRequest, facts: CreateFacts): Promise<RunningResponse> =>
      createResponse(context, caller, request, facts),
    /** Accepts a response that a worker makes. */
    start: (
      caller: Caller,
      request: ResponseRequest,
      facts: Parameters<typeof startBackground>[3],
    ): Promise<{ uuid: string; snapshot: ResponseSnapshot }> => startBackground(context, caller, request, facts),
    get: (caller: Caller, id: string): Promise<StoredResponse> => findResponse(context, keyOf(caller, id), id),
    cancel: (caller: Caller, id: string): Promise<ResponseSnapshot> => cancelResponse(context, keyOf(caller, id), id),
    delete: (caller: Caller, id: string): Promise<void> => deleteResponse(context, keyOf(caller, id), id),
    follow: (caller: Caller, id: string, { after, signal }: { after: number; signal: AbortSignal }): AsyncGenerator<string[], void> =>
      followResponse(context, keyOf(caller, id), after, signal),
    async inputItems(caller: Caller, id: string): Promise<Item[]> {
      await findResponse(context, keyOf(caller, id), id);
      return (await context.responses.readInput(keyOf(caller, id))) ?? [];
    },
    /** What a request says to an agent, and in which of its conversations. */
    prepareTurn: (caller: Caller, request: ResponseRequest, agent: Parameters<typeof prepareTurn>[3]) =>
      prepareTurn(context, caller, request, agent),
    saveTurn: (caller: Caller, response: Parameters<typeof saveTurn>[2]): Promise<void> => saveTurn(context, caller, response),
    endTurn: (caller: Caller, uuid: string, end: Parameters<typeof endTurn>[3]): Promise<void> => endTurn(context, caller, uuid, end),
    compact: (caller: Caller, request: ResponseRequest, facts: CreateFacts): Promise<Compacted> =>
      compactInput(context, caller, request, facts),
    /** Our estimate of what a model would have to read. */
    async countInput(caller: Caller, request: ResponseRequest): Promise<Usage> {
      modelsOf(context, request);
      const { before, inputs } = await prepareResponse(context, caller, request);
      const unseal = unsealFor(context.vault, caller.organizationId);
      const messages = chatMessages([...before.items, ...inputs], request.instructions, unseal);
      return context.direct.promptUsage({ route: "chat", body: chatRequest(request, messages) });
    },
  };
}

export type Responses = ReturnType<typeof createResponses>;
