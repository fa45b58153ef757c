import type { GatewayError } from "@parley/contracts";
import type { Caller, ChannelPurchase, HeldKey, Purchase } from "@parley/domain";
import type { Request, Response } from "express";
import type { FrontVisitor } from "../visitors.ts";
import type { Json, Plugin } from "./plugins/plugin.ts";
import type { PaymentMethod } from "./read-call.ts";

/** One call that is to be sold. */
export interface Sale {
  request: Request;
  response: Response;
  visitor: FrontVisitor;
  /** Null: it has no key. */
  known: Caller | null;
  body: Json;
  /** What the body was where it counts as empty because it could not be read. */
  trouble: string | null;
  name: string;
  plugin: Plugin;
  method: PaymentMethod;
}

/** An answer as it is given again. */
export interface PaidAnswer {
  headers: Record<string, string>;
  envelope: object;
}

export type ShortChannel = Extract<ChannelPurchase, { outcome: "short" }>;

/** Who pays, and as whom the work is done. */
export interface Payer {
  caller: Caller;
  isGuest: boolean;
  /** What it is known by when it asks for the same call again. Where that is its payment, or nothing, an `Idempotency-Key` says nothing more. */
  knownBy: "key" | "payment" | "nothing";
  /** Sets the money aside, or shows what was bought with it before. `under` is the key that the call is repeated by; the signal aborts when the client leaves. */
  buy(amountMicros: number, under: HeldKey | null, signal: AbortSignal): Promise<Purchase | { answered: PaidAnswer } | ShortChannel>;
}

interface RefusalFacts {
  /** It is told as a problem of the payment standard. */
  isProblem?: boolean;
  /** Nobody is to pay for the call in another way. */
  isFinal?: boolean;
  /** Whose session does not pay, where that is known. */
  seller?: string;
}

/** A refusal, with what its answer says besides. */
export class PaidRefusal extends Error {
  readonly reason: GatewayError;
  readonly more: object;
  readonly isProblem: boolean;
  readonly isFinal: boolean;
  readonly seller: string | null;
  constructor(reason: GatewayError, more: object, { isProblem = false, isFinal = false, seller }: RefusalFacts = {}) {
    super(reason.message);
    this.reason = reason;
    this.more = more;
    this.isProblem = isProblem;
    this.isFinal = isFinal;
    this.seller = seller ?? null;
  }
}
