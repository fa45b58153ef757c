import { ERRORS, isGatewayError, submitInput } from "@parley/contracts";
import { type SubmitContext, submitMessage } from "../conversation/submit-message.ts";
import type { Caller } from "../identity/caller.ts";
import type { HookDeliveryKey, HookStore } from "./hook-store.ts";

export interface RunHookPorts {
  hooks: Pick<HookStore, "waiting" | "finish">;
  submit: SubmitContext;
}

/** A queue that is full for so long is not waited for any more. */
const GIVEN_UP_AFTER_MS = 86_400_000;

/** Makes a message of a delivery, by the way that all messages take. Its id is the key: run twice, it is one message. */
export async function runHook({ hooks, submit }: RunHookPorts, key: HookDeliveryKey): Promise<void> {
  const delivery = await hooks.waiting(key);
  if (delivery === null) return;
  const { organizationId, hookId, agentId, conversationId, text } = delivery;
  const caller: Caller = { organizationId, principalId: hookId, scopes: new Set(["conversations:write"]), agentIds: null };
  const input = submitInput.parse({ agentId, conversationId, text, idempotencyKey: key.id, options: { source: "webhook" } });
  try {
    await submitMessage(submit, caller, input, { route: "hook.run", invoke: true });
    await hooks.finish(key, null);
  } catch (error) {
    if (!isGatewayError(error)) throw error;
    // What may go better later stays, and the sweep orders it again.
    if (ERRORS[error.code].retry && delivery.ageMs < GIVEN_UP_AFTER_MS) throw error;
    submit.log.warn({ hookId, deliveryId: key.id, code: error.code }, "a delivery became no message");
    await hooks.finish(key, error.code);
  }
}
