import { chatBody, readOpenAiFrame, readOpenAiPlain, type Target } from "../harness/target.ts";
import type { RunningProcess } from "../services/start-process.ts";
import { type Script, scriptName } from "../upstream/script.ts";

interface Extras {
  headers?: Record<string, string>;
  /** What a gateway puts before the model's own name. */
  provider?: string;
}

/** A target that speaks OpenAI's wire: the model itself, a proxy, a gateway's direct path. */
export function openAiTarget(
  name: string,
  origin: string,
  front: RunningProcess | null,
  { headers = {}, provider = "" }: Extras = {},
): Target {
  const request = (script: Script, stream: boolean) => ({
    method: "POST" as const,
    path: "/v1/chat/completions",
    headers: { "content-type": "application/json", ...headers },
    body: chatBody(`${provider}${scriptName(script)}`, stream),
  });
  return {
    name,
    origin,
    front,
    processes: front === null ? [] : [front],
    takesCrowds: true,
    streamed: (script) => request(script, true),
    plain: (script) => request(script, false),
    readFrame: readOpenAiFrame,
    readPlain: readOpenAiPlain,
  };
}
