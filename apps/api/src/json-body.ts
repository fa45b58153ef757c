import { GatewayError, type Limits } from "@parley/contracts";
import type { Request, RequestHandler, Response } from "express";
import express from "express";
import { isDeeperThan } from "./json-depth.ts";
import { isKeepableJson, UNKEEPABLE } from "./keepable-text.ts";

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;\s*charset="?utf-?8"?\s*)?$/i;

type Facts = Pick<Limits, "bodyBytesMax" | "jsonDepthMax"> & {
  /** False: the body is passed on and not kept, and may hold what Postgres does not take. */
  isKept?: boolean;
  /** False: it is JSON whatever its content type says. */
  isTyped?: boolean;
};

/**
 * Reads a request's JSON body; undefined when it is empty. At most `bodyBytesMax` bytes of UTF-8, nested at most
 * `jsonDepthMax` deep. Throws `body_too_large`, `unsupported_media_type` or `bad_request`.
 */
export type ReadJsonBody = (request: Request, response: Response) => Promise<unknown>;

export function jsonBodyReader({ bodyBytesMax, jsonDepthMax, isKept = true, isTyped = true }: Facts): ReadJsonBody {
  const raw: RequestHandler = express.raw({ type: () => true, limit: bodyBytesMax, inflate: false });
  return async (request, response) => {
    await new Promise<void>((resolve, reject) => {
      raw(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(error as Error)));
    });
    const bytes: unknown = request.body;
    request.body = undefined;
    if (!(bytes instanceof Uint8Array) || bytes.length === 0) return undefined;
    if (isTyped && !JSON_TYPE.test(request.headers["content-type"] ?? "")) {
      throw new GatewayError("unsupported_media_type", { text: "The body must be application/json in UTF-8." });
    }
    const { text, value } = parseJson(bytes);
    if (isDeeperThan(value, jsonDepthMax)) {
      throw new GatewayError("bad_request", { text: `The body is nested deeper than ${jsonDepthMax} levels.` });
    }
    if (isKept && !isKeepableJson(text, value)) throw new GatewayError("bad_request", { text: UNKEEPABLE });
    return value;
  };
}

function parseJson(bytes: Uint8Array): { text: string; value: unknown } {
  let text: string;
  try {
    text = strictUtf8.decode(bytes);
  } catch (cause) {
    throw new GatewayError("bad_request", { text: "The body is not UTF-8.", cause });
  }
  try {
    return { text, value: JSON.parse(text) };
  } catch (cause) {
    throw new GatewayError("bad_request", { text: "The body is not JSON.", cause });
  }
}
