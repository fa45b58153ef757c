import { GatewayError, isGatewayError, type Usage } from "@parley/contracts";
import { callDirect, type DirectPorts, type DirectResult } from "../direct/call-direct.ts";
import type { ResponseAttempt } from "../direct/direct-call-store.ts";
import type { Caller } from "../identity/caller.ts";
import type { Vault } from "../identity/vault.ts";
import { ChatReader } from "./chat-reader.ts";
import { chatMessages, chatRequest } from "./chat-request.ts";
import { type Item, type Json, type ResponseEvent, wrongParameter } from "./response.ts";
import type { ResponseBuilder } from "./response-builder.ts";
import type { ResponseRequest } from "./response-request.ts";

export interface AnswerPorts extends DirectPorts {
  vault: Vault | null;
}

/** One answer of a model, straight from its provider. */
export interface Answering {
  request: ResponseRequest;
  /** All that the model is to read, but for the instructions. */
  items: readonly Item[];
  models: readonly string[];
  /** The route that it came by, for its usage. */
  route: string;
  requestId: string;
  /** Where a worker makes it. */
  attempt?: ResponseAttempt;
  signal: AbortSignal;
}

type Owner = Pick<Caller, "organizationId" | "principalId">;

/** What callers carry for us opens for their own organization only. */
export const placeOf = (organizationId: string): string => `responses/${organizationId}`;

export const unsealFor =
  (vault: Vault | null, organizationId: string) =>
  (sealed: string): string => {
    try {
      if (vault !== null) return vault.open(sealed, placeOf(organizationId));
    } catch {
      // Whatever is wrong with it, its bearer is told no more than that.
    }
    throw wrongParameter("input", "The encrypted content could not be verified.", "invalid_encrypted_content");
  };

/** What reasoning says, for its caller to bring back; null where it was not asked for, or cannot be sealed. */
export function sealFor(vault: Vault | null, organizationId: string, { include }: ResponseRequest): ((text: string) => string) | null {
  if (vault === null || !include.includes("reasoning.encrypted_content")) return null;
  return (text) => vault.seal(text, placeOf(organizationId));
}

/** How often the oldest third of a context is left out, where that was allowed. */
const CUTS_MAX = 6;

const isTooLong = (error: unknown): boolean =>
  isGatewayError(error, "model_refused") && error.issues?.[0]?.code === "context_length_exceeded";

/** The messages without the oldest third, but for those of the system; a call is never parted from its results. Null: there is nothing to leave out. */
function withoutOldest(messages: readonly Json[]): Json[] | null {
  const isKept = ({ role }: Json): boolean => role === "system";
  const spoken = messages.filter((message) => !isKept(message));
  let cut = Math.ceil(spoken.length / 3);
  while (spoken[cut]?.role === "tool") cut += 1;
  if (cut >= spoken.length) return null;
  const gone = new Set(spoken.slice(0, cut));
  return messages.filter((message) => !gone.has(message));
}

/** Asks the model. Resolves when it has begun to answer. */
async function ask(ports: AnswerPorts, owner: Owner, answering: Answering): Promise<DirectResult> {
  const { request, items, models, route, requestId, attempt, signal } = answering;
  let messages = chatMessages(items, request.instructions, unsealFor(ports.vault, owner.organizationId));
  for (let cuts = 0; ; cuts += 1) {
    const body = chatRequest(request, messages);
    if (models.every((model) => model.startsWith("openai/"))) {
      body.max_completion_tokens = body.max_tokens;
      delete body.max_tokens;
    }
    try {
      return await callDirect(ports, owner, { kind: "chat", route, models, body, requestId, user: request.user, attempt, signal });
    } catch (error) {
      const shorter = request.truncation === "auto" && isTooLong(error) && cuts < CUTS_MAX ? withoutOldest(messages) : null;
      if (shorter === null) throw error;
      messages = shorter;
    }
  }
}

/** An answer that has begun. */
export interface BegunResponse {
  usage(): Usage;
  /** Tells what the model says, as it comes, and closes the response as the model did. Throws where the model breaks off. */
  tell(builder: ResponseBuilder, clock: { now(): number }): AsyncGenerator<ResponseEvent[], void>;
}

export async function beginAnswer(ports: AnswerPorts, owner: Owner, answering: Answering): Promise<BegunResponse> {
  const answer = await ask(ports, owner, answering);
  if (answer.kind === "bytes") throw new GatewayError("model_unavailable", { detail: `${answer.model}: an answer that is no chat` });
  return {
    usage: () => answer.usage(),
    async *tell(builder, clock) {
      const reader = new ChatReader(answering.request, builder);
      if (answer.kind === "json") reader.take([answer.value]);
      else {
        for await (const events of answer.events) {
          reader.take(events.map(({ value }) => value));
          const told = builder.take();
          if (told.length > 0) yield told;
        }
      }
      const { reason } = reader.end();
      const at = Math.floor(clock.now() / 1_000);
      builder.end({ status: reason === null ? "completed" : "incomplete", reason, usage: answer.usage(), at });
    },
  };
}
