import type { RequestHandler, Response } from "express";
import { beforeHead } from "../request-start.ts";

/** The version of OpenAI's interface, which has had only this one. */
const VERSION = "2020-10-01";

/** `12s`, `6m0s`, `1h2m3s`: how OpenAI writes until when a window lasts. */
export function durationText(seconds: number): string {
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor((seconds % 3_600) / 60);
  return `${hours > 0 ? `${hours}h` : ""}${seconds >= 60 ? `${minutes}m` : ""}${seconds % 60}s`;
}

function complete(response: Response): void {
  response.setHeader("openai-version", VERSION);
  response.setHeader("openai-processing-ms", Math.round(performance.now() - Number(response.locals.startedMs)));
  const limit = response.getHeader("ratelimit-limit");
  if (limit === undefined) return;
  response.setHeader("x-ratelimit-limit-requests", limit);
  response.setHeader("x-ratelimit-remaining-requests", Number(response.getHeader("ratelimit-remaining")));
  response.setHeader("x-ratelimit-reset-requests", durationText(Number(response.getHeader("ratelimit-reset"))));
}

/** What OpenAI's clients look for in the head of every answer: how long it took, and what the limiter has told in the IETF's words. */
export const openaiHead: RequestHandler = (_request, response, next) => {
  beforeHead(response, complete);
  next();
};
