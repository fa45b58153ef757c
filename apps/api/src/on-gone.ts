import type { Response } from "express";

/** Calls back once when the response is over: sent, or its client gone, be it already before this call. */
export function onGone(response: Response, callback: () => void): void {
  if (response.destroyed) callback();
  else response.once("close", callback);
}
