import type { ChangeHook, CreateHook, Hook, HookAlgorithm, NewHook, Page, PageQuery } from "@parley/contracts";
import type { Once } from "../idempotency/repeat-store.ts";
import type { Caller } from "../identity/caller.ts";
import type { HookAnswer } from "./hook-store.ts";

/** A delivery as it stands at the door. */
export interface Delivery {
  /** Null where its address names none. */
  hookId: string | null;
  /** Behind the hook's own address, without slashes at its ends. */
  path: string;
  /** By their lower-case names. */
  headers: Record<string, string>;
  query: Record<string, string>;
  body: Uint8Array;
  /** Asked once the signature is found to be right, with whom it belongs to; what it throws refuses the delivery. */
  admit(hook: { id: string; organizationId: string }): Promise<void> | void;
}

/** What a signature is over, and what it should be. */
export interface SignedDelivery {
  algorithm: HookAlgorithm;
  /** Any of them may have signed it. */
  secrets: string[];
  timestamp: string | null;
  body: Uint8Array;
  /** As it was sent, lower-case hex. */
  signature: string;
}

/** Takes as long for any wrong signature. */
export type CheckSignature = (delivery: SignedDelivery) => boolean;

export interface HookUseCases {
  /** The secret is shown once. Throws `secrets_not_configured`, `limit_reached`; `not_found` for an agent that the caller may not use. */
  createHook(caller: Caller, input: CreateHook, once?: Once): Promise<NewHook>;
  /** Oldest first. */
  listHooks(caller: Caller, page: PageQuery): Promise<Page<Hook>>;
  changeHook(caller: Caller, input: ChangeHook, once?: Once): Promise<Hook>;
  /** The secret of before stays good for a while. */
  rotateHook(caller: Caller, input: { hookId: string; overlapSeconds: number }, once?: Once): Promise<NewHook>;
  deleteHook(caller: Caller, hookId: string, once?: Once): Promise<void>;
  /**
   * Accepts a signed delivery: when this resolves it is committed, and becomes a message soon. A repeat gets the first answer. Throws `hook_refused`,
   * `bad_request`, `invalid_input`, `hook_unmatched`, `too_many_deliveries`.
   */
  receiveHook(delivery: Delivery): Promise<HookAnswer>;
}
