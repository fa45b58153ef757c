import { cardId, decideInput, type WaitingApproval } from "@parley/contracts";
import { z } from "zod";
import { type MethodsOf, method } from "../method.ts";
import { limitOf, partOf, partShape } from "../part.ts";

const request = ({ id, approval, conversationId, executionId, createdAt, expiresAt }: WaitingApproval) => ({
  requestId: id,
  toolName: approval.tool,
  params: approval.arguments,
  argumentsHash: approval.argumentsHash,
  ...{ agentId: approval.agentId, sessionKey: conversationId, executionId },
  createdAt: Date.parse(createdAt),
  /** From its making on; null: it waits for ever. */
  timeoutMs: expiresAt === null ? null : Date.parse(expiresAt) - Date.parse(createdAt),
});

/** Calls of tools that wait for a person. */
export const approvals = {
  "admin.approval.pending": method(partShape, async ({ administration, caller, limits }, { offset, ...wanted }) => {
    const limit = limitOf(wanted.limit, limits);
    const { items, total } = await administration.listApprovals(caller, { offset, limit });
    return { requests: items.map(request), ...partOf({ offset, limit }, { shown: items.length, total }) };
  }),

  "admin.approval.resolve": method(
    { requestId: cardId, approved: z.boolean(), reason: decideInput.shape.comment, argumentsHash: decideInput.shape.argumentsHash },
    async ({ administration, gateway, caller, once }, { requestId, approved, reason, argumentsHash }) => {
      const { conversationId } = await administration.findCard(caller, requestId);
      const decision = approved ? ("approve" as const) : ("deny" as const);
      const done = await gateway.decideCard(caller, { conversationId, cardId: requestId, decision, comment: reason, argumentsHash }, once);
      const { cursor, resumed, cardsOpen, replayed } = done;
      return {
        requestId,
        approved,
        approvedBy: caller.principalId,
        reason: reason ?? null,
        sessionKey: conversationId,
        cursor,
        resumed,
        cardsOpen,
        replayed,
      };
    },
  ),
} satisfies MethodsOf<"admin.approval">;
