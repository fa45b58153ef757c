import type { Routes } from "./routes.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface CallOptions {
  /** Ends the call, or the subscription. What it started on the gateway goes on. */
  signal?: AbortSignal;
}

/** An item of a subscription, under the id that a subscription of one's own may resume after. */
export interface Tracked<Item> {
  id: string;
  data: Item;
}

export interface SubscriptionCallbacks<Item> extends CallOptions {
  onData(item: Tracked<Item>): void;
  onError?(error: unknown): void;
  onComplete?(): void;
}

interface Row {
  kind: "query" | "mutation" | "subscription";
  input: unknown;
  output: unknown;
}

/** Inputs that may be left out are optional parameters. */
type Input<Of> = undefined extends Of ? [input?: Of, options?: CallOptions] : [input: Of, options?: CallOptions];

type Call<Of extends Row> = Of["kind"] extends "query"
  ? { query(...parameters: Input<Of["input"]>): Promise<Of["output"]> }
  : Of["kind"] extends "mutation"
    ? { mutate(...parameters: Input<Of["input"]>): Promise<Of["output"]> }
    : {
        subscribe: {
          (input: Of["input"], options: SubscriptionCallbacks<Of["output"]>): { unsubscribe(): void };
          (input: Of["input"], options?: CallOptions): AsyncIterableIterator<Tracked<Of["output"]>>;
        };
      };

type Namespace<Of> = { [Name in keyof Of]: Of[Name] extends Row ? Call<Of[Name]> : never };

/** Every procedure of the gateway. */
export type Api = { [Name in keyof Routes]: Namespace<Routes[Name]> };
