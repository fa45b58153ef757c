import { GatewayError } from "@parley/contracts";
import { admit, hasScope, idempotencyKey, RPC_METHODS, type RpcMethodName, type RpcRow, readIdempotencyKey, rpcRow } from "@parley/router";
import { z } from "zod";
import { failureOf } from "./failure.ts";
import { CODES, failed, type RpcFailure, type RpcId, type RpcReply, readRequest } from "./messages.ts";
import type { Peer, RpcDoor } from "./method.ts";
import { METHODS } from "./methods.ts";

const isMethod = (name: string): name is RpcMethodName => Object.hasOwn(RPC_METHODS, name);

/** Does what one member of a message asks for. Null: it was a notification, of which nothing is told, not even that it failed. */
export async function dispatch(door: RpcDoor, peer: Peer, value: unknown): Promise<RpcReply | null> {
  const request = readRequest(value);
  if ("invalid" in request) return failed(request.invalid, { code: CODES.invalidRequest, message: "Invalid Request" });
  const { id, method } = request;
  const outcome = await act(door, peer, { id: id ?? null, method, params: request.params });
  if (id === undefined) return null;
  return "refused" in outcome ? failed(id, outcome.refused) : { jsonrpc: "2.0", result: outcome.result, id };
}

type Outcome = { result: object } | { refused: RpcFailure };

async function act(door: RpcDoor, peer: Peer, asked: { id: RpcId; method: string; params: unknown }): Promise<Outcome> {
  const { id, method, params } = asked;
  if (!isMethod(method)) return { refused: { code: CODES.noMethod, message: "Method not found" } };
  const row = rpcRow(method);
  if (row.configFile && door.keeper === null) return { refused: { code: CODES.noMethod, message: "Method not found" } };
  if (row.socketOnly && peer.notifier === null) {
    return { refused: { code: CODES.noMethod, message: "Method not found", data: { text: "It answers with notifications: use /ws." } } };
  }
  try {
    const caller = await admit(peer.visitor, row);
    if (row.scope === "admin_secret" ? !peer.isOperator : !hasScope(caller, row)) return { refused: lacksScope(row, caller.principalId) };
    const named = readParams(params);
    const once = row.mutating ? readOnce(method, peer, named) : undefined;
    return { result: await METHODS[method].run({ ...door, method, id, caller, once, peer }, named) };
  } catch (error) {
    return { refused: failureOf(error, { log: door.log, method }) };
  }
}

function lacksScope({ scope }: RpcRow, clientId: string): RpcFailure {
  const [required] = [scope].flat();
  const data = { clientId, required, code: "missing_scope" };
  return { code: CODES.internal, message: `Insufficient scope: requires '${required}'`, data };
}

/** By name only. What no schema names is dropped behind this, and none names anything that begins with `_`. */
function readParams(params: unknown = {}): Record<string, unknown> {
  if (typeof params !== "object" || params === null || Array.isArray(params)) {
    throw new GatewayError("invalid_input", { text: "Parameters are given by name, in an object." });
  }
  return { ...params };
}

const keyed = z.object({ idempotencyKey: idempotencyKey.optional() });

/** Takes the key out of the parameters: it is no part of what it stands for, however it came. */
function readOnce(route: RpcMethodName, { idempotencyHeader: header }: Peer, params: Record<string, unknown>) {
  const input = keyed.safeParse(params);
  if (!input.success) throw input.error;
  delete params["idempotencyKey"];
  const key = readIdempotencyKey({ header, input: input.data.idempotencyKey });
  return key === undefined ? undefined : { route, key };
}
