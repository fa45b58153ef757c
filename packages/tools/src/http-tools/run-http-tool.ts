import { setTimeout as sleep } from "node:timers/promises";
import type { HttpTool } from "@parley/contracts";
import type { ResultRecord, ToolRun } from "@parley/domain";
import { isFor, type ToolSecret } from "../tool-secrets.ts";
import { postCall, type WayOut } from "./post-call.ts";

const RETRIES_MAX = 2;
const FIRST_DELAY_MS = 250;

/**
 * Calls the tool within its `timeoutMs`, retries and their delays included. Only an idempotent tool is asked again, at most twice,
 * where a moment may help, and never sooner than it wants to be asked. What goes wrong is a result for the model, which says so where
 * the tool may have acted all the same. Throws the signal's reason once that is aborted, and nothing else.
 */
export async function runHttpTool(tool: HttpTool, call: ToolRun, way: WayOut & { secrets: ToolSecret[] }): Promise<ResultRecord> {
  const secret = way.secrets.find((one) => one.name === tool.secret && isFor(one, call.organizationId)) ?? null;
  // One that is another organization's is as little there as one that nobody has.
  if (tool.secret !== undefined && secret === null) return { text: "The tool's credential is not there.", isError: true, words: "own" };
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), tool.timeoutMs);
  const endsAtMs = performance.now() + tool.timeoutMs;
  const body = JSON.stringify(call.arguments);
  const request = { url: tool.url, key: call.key, body, secret, stop: call.signal, late: late.signal };
  const words = tool.resultTrusted ? { words: "own" as const } : {};
  let unsure = false;
  try {
    for (let retry = 0; ; retry += 1) {
      const { text, isError, ...failure } = await postCall(request, way);
      if (!isError) return { text, isError, ...words };
      unsure ||= failure.unsure;
      const result = unsure
        ? { text: `${text} Whether it acted is not known.`, isError, unknown: true as const, ...words }
        : { text, isError, ...words };
      if (!tool.idempotent || failure.againAfterMs === null || retry === RETRIES_MAX) return result;
      const delayMs = failure.againAfterMs + Math.random() * FIRST_DELAY_MS * 2 ** retry;
      if (performance.now() + delayMs >= endsAtMs) return result;
      await pause(delayMs, call.signal);
    }
  } finally {
    clearTimeout(timer);
  }
}

const pause = (delayMs: number, signal: AbortSignal): Promise<void> =>
  sleep(delayMs, undefined, { signal }).catch(() => signal.throwIfAborted());
