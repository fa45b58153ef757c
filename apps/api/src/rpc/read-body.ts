import type { Limits } from "@parley/contracts";
import express, { type Request, type RequestHandler, type Response } from "express";
import { CODES, type RpcFailure } from "./messages.ts";
import { tooLarge } from "./read-calls.ts";

/** A request's text, or why it has none, with the status that says the same. */
export type Body = { text: string } | { refused: RpcFailure; status: number };

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json(?:-rpc)?\s*(?:;\s*charset="?utf-?8"?\s*)?$/i;
const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

const refused = (status: number, code: RpcFailure["code"], message: string): Body => ({ refused: { code, message }, status });

/** Reads at most `bodyBytesMax` bytes of UTF-8. */
export function bodyReader({ bodyBytesMax }: Pick<Limits, "bodyBytesMax">): (request: Request, response: Response) => Promise<Body> {
  const raw: RequestHandler = express.raw({ type: () => true, limit: bodyBytesMax, inflate: false });
  return async (request, response) => {
    const error = await new Promise<unknown>((resolve) => void raw(request, response, resolve));
    if (isStatus(error, 413)) return { refused: tooLarge(sizeOf(error, request), bodyBytesMax), status: 413 };
    if (isStatus(error, 415)) return refused(415, CODES.invalidRequest, "The body may not be compressed.");
    if (error !== undefined) return refused(400, CODES.parse, "Parse error");
    if (!JSON_TYPE.test(request.headers["content-type"] ?? "")) {
      return refused(415, CODES.invalidRequest, "The body must be application/json in UTF-8.");
    }
    try {
      return { text: request.body instanceof Uint8Array ? strictUtf8.decode(request.body) : "" };
    } catch {
      return refused(400, CODES.parse, "Parse error");
    }
  };
}

const isStatus = (error: unknown, status: number): error is object =>
  typeof error === "object" && error !== null && "status" in error && error.status === status;

/** What the caller declared; of a body without a length what had come until it was too much. */
function sizeOf(error: object, { headers }: Request): number {
  return Number(headers["content-length"] ?? ("received" in error ? error.received : 0));
}
