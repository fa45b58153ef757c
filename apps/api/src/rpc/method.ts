import { GatewayError, type Limits } from "@parley/contracts";
import type { Administration, Caller, Gateway, Log, Once } from "@parley/domain";
import type { MessageWindow } from "@parley/identity";
import { type OpenStream, type RPC_METHODS, type RpcMethodName, toGatewayError, type Visitor } from "@parley/router";
import type { ConfigKeeper } from "@parley/settings";
import { z } from "zod";
import type { RpcId } from "./messages.ts";
import type { Notifier } from "./notifier.ts";

/** What all methods share. */
export interface RpcDoor {
  gateway: Gateway;
  administration: Administration;
  log: Log;
  limits: Limits;
  window: MessageWindow;
  /** The configuration file's; null where there is none. */
  keeper: ConfigKeeper | null;
  /** Null: nobody is the operator here. */
  adminSecret: string | null;
}

/** Who is at the other end, as long as the connection is there. */
export interface Peer {
  /** Finds the caller of each call anew. */
  visitor: Visitor;
  /** As the connection was opened. */
  caller: Caller;
  /** It was opened with the operator's secret, too. */
  isOperator: boolean;
  /** Aborts when the other end is gone, or this one goes. */
  leaving: AbortSignal;
  openStream: OpenStream;
  /** Null over plain HTTP, which can bring nothing but answers. */
  notifier: Notifier | null;
  /** The `Idempotency-Key` header; null where there is none, or where one header cannot stand for several calls. */
  idempotencyHeader: string | null;
  /** Begins something that goes on behind the answer, once that has been sent. */
  afterAnswer(act: () => void): void;
}

/** One authorised call. */
export interface RpcCall extends RpcDoor {
  /** Its name: idempotency keys are scoped to it. */
  method: RpcMethodName;
  id: RpcId;
  caller: Caller;
  /** Of a method that changes something, where the call has a key. */
  once: Once | undefined;
  peer: Peer;
}

export interface Method {
  /** Its parameters; the documents are held against them. */
  shape: z.ZodRawShape;
  /** Throws `invalid_input`. What it answers is the call's result. */
  run(call: RpcCall, params: object): Promise<object>;
}

/** A method with named parameters, which are checked first; unknown ones are dropped. */
export const method = <Shape extends z.ZodRawShape>(
  shape: Shape,
  run: (call: RpcCall, params: z.output<z.ZodObject<Shape>>) => Promise<object> | object,
): Method => {
  const schema = z.object(shape);
  return { shape, run: async (call, params) => run(call, read(schema, params)) };
};

function read<Schema extends z.ZodType>(schema: Schema, params: object): z.output<Schema> {
  const result = schema.safeParse(params, { reportInput: true });
  if (result.success) return result.data;
  const { code, issues = [] } = toGatewayError(result.error);
  const [first] = result.error.issues;
  throw new GatewayError(code, { issues, ...(code === "invalid_input" && first && { text: inWords(first) }) });
}

function inWords({ code, path, message, input }: z.core.$ZodIssue): string {
  const name = path.map(String).join(".");
  if (code === "invalid_type" && input === undefined) return `Missing required parameter: ${name}`;
  return name === "" ? message : `Invalid parameter ${name}: ${message}`;
}

/** The methods of one group, by their whole names. A table of them must have exactly these. */
export type MethodsOf<Group extends string> = {
  [Name in keyof typeof RPC_METHODS as Name extends `${Group}.${string}` ? Name : never]: Method;
};
