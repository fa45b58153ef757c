import { setTimeout as sleep } from "node:timers/promises";
import type { HttpTool } from "@parley/contracts";
import type { ResultRecord, ToolRun } from "@parley/domain";
import { postCall, type WayOut } from "./post-call.ts";

const RETRIES_MAX = 2;
const FIRST_DELAY_MS = 250;

/**
 * Calls the tool within its `timeoutMs`, retries and their delays included. Only an idempotent tool is asked again, at most twice,
 * where a moment may help, and never sooner than it wants to be asked. What goes wrong is a result for the model, which says so where
 * the tool may have acted all the same. Throws the signal's reason once that is aborted, and nothing else.
 */
export async function runHttpTool(tool: HttpTool, call: ToolRun, way: WayOut): Promise<ResultRecord> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), tool.timeoutMs);
  const endsAtMs = performance.now() + tool.timeoutMs;
  const request = { url: tool.url, key: call.key, body: JSON.stringify(call.arguments), stop: call.signal, late: late.signal };
  let unsure = false;
  try {
    for (let retry = 0; ; retry += 1) {
      const { text, isError, ...failure } = await postCall(request, way);
      if (!isError) return { text, isError };
      unsure ||= failure.unsure;
      const result = unsure ? { text: `${text} Whether it acted is not known.`, isError, unknown: true as const } : { text, isError };
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
