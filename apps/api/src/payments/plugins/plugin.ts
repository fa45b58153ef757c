import { GatewayError } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import { z } from "zod";

export type Json = Record<string, unknown>;

/** A call that is sold, once somebody pays for it. */
export interface PluginCall {
  caller: Caller;
  /** The caller has no key: it chooses nothing that costs more than it pays. */
  isGuest: boolean;
  body: Json;
  requestId: string;
  /** Aborts when the client leaves. */
  signal: AbortSignal;
}

/** What is told while the work is done, where the client reads a stream. */
export type Tell = (event: string, data: unknown) => Promise<void>;

export interface Plugin {
  /** Needs somebody who is known, or has paid. */
  auth: boolean;
  /** Looks at what is asked for, before any money is touched; gives what does the work, for the payment of that id. Throws `bad_request`. */
  prepare(call: PluginCall): Promise<(tell: Tell | null, saleId: string) => Promise<unknown>>;
  streams: boolean;
  /** Its work is of models, which are paid by who sells it. */
  usesModels: boolean;
  /** Characters that a model is to read for the price of the call; absent: none. */
  charsToRead?(body: Json): number;
  /** Bytes of sound that a model is to hear for it; absent: none. */
  bytesToHear?(body: Json): number;
}

/** `detail` is for the log: what a plugin's server says is nobody's business. */
export const pluginFailed = (detail: string, cause?: unknown): GatewayError => new GatewayError("plugin_failed", { detail, cause });

export const bad = (text: string): GatewayError => new GatewayError("bad_request", { text });

/** Text, where it is there at all. */
export const textField = z.string({ error: "must be text" }).nullish();

/**
 * What is sold does what it is asked for, so nothing that a plugin knows is passed over because it is of another type; what it does not know is not looked at. Throws `bad_request`,
 * which names the first field that is wrong, below `path`.
 */
export function checkFields(fields: z.ZodType, value: unknown, path: readonly PropertyKey[] = []): void {
  const [issue] = fields.safeParse(value).error?.issues ?? [];
  if (issue !== undefined) throw bad(`${[...path, ...issue.path].join(".")}: ${issue.message}`);
}

/** The first of these members that is a text. */
export function textIn(body: Json, ...names: string[]): string | undefined {
  for (const name of names) {
    const value = body[name];
    if (typeof value === "string" && value !== "") return value;
  }
  return undefined;
}
