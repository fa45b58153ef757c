import { GatewayError } from "@parley/contracts";
import type { Request, Response } from "express";
import type { ReadJsonBody } from "../json-body.ts";
import { isKeepableJson, UNKEEPABLE } from "../keepable-text.ts";

/** Reads a body to its end. What is wrong with it is thrown where its value is asked for, so that it reaches the caller typed. */
export async function readInput(readJsonBody: ReadJsonBody, request: Request, response: Response): Promise<() => unknown> {
  try {
    const body = await readJsonBody(request, response);
    return () => body;
  } catch (error) {
    const refusal = asRefusal(error);
    return () => {
      throw refusal;
    };
  }
}

/** The body reader's own errors bear the HTTP status that they stand for. */
function asRefusal(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof GatewayError || !("status" in error)) return error;
  if (error.status === 413) return new GatewayError("body_too_large", { cause: error });
  if (error.status === 415) return new GatewayError("unsupported_media_type", { cause: error });
  return new GatewayError("bad_request", { cause: error });
}

/** The input in the address, as tRPC's clients write it. Throws `bad_request`. */
export function parseQueryInput(request: Request): unknown {
  const text = request.query.input;
  if (text === undefined) return undefined;
  const input = parseJson(String(text));
  if (!isKeepableJson(String(text), input)) throw new GatewayError("bad_request", { text: UNKEEPABLE });
  return input;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new GatewayError("bad_request", { text: "The input is not JSON.", cause });
  }
}
