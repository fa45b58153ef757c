import type { Limits } from "@parley/contracts";
import { isDeeperThan } from "../json-depth.ts";
import { isKeepableJson, UNKEEPABLE } from "../keepable-text.ts";
import { CODES, type RpcFailure } from "./messages.ts";

/** The calls of one message, not looked at yet, or why there are none. */
export type Calls = { calls: unknown[] } | { refused: RpcFailure };

const refused = (code: RpcFailure["code"], message: string): Calls => ({ refused: { code, message } });

export const tooLarge = (bytes: number, bytesMax: number): RpcFailure => ({
  code: CODES.invalidRequest,
  message: `Message size ${bytes} bytes exceeds maximum of ${bytesMax}`,
});

/** Reads a message that is not too large: one call, or a batch of them. */
export function readCalls(text: string, { jsonDepthMax, rpcCallsPerBatchMax: batchMax }: Limits): Calls {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refused(CODES.parse, "Parse error");
  }
  if (isDeeperThan(value, jsonDepthMax)) return refused(CODES.invalidRequest, `The message is nested deeper than ${jsonDepthMax} levels.`);
  if (!isKeepableJson(text, value)) return refused(CODES.invalidRequest, UNKEEPABLE);
  if (!Array.isArray(value)) return { calls: [value] };
  if (value.length === 0) return refused(CODES.invalidRequest, "Invalid Request");
  if (value.length > batchMax) return refused(CODES.invalidRequest, `Batch size ${value.length} exceeds maximum of ${batchMax}`);
  return { calls: value };
}
