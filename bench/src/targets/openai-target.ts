import { chatBody, readOpenAiFrame, readOpenAiPlain, type Target } from "../harness/target.ts";
import type { RunningProcess } from "../services/start-process.ts";
import { type Script, scriptName } from "../upstream/script.ts";

/** A target that speaks OpenAI's wire: the model itself, a proxy, a gateway's direct path. */
export function openAiTarget(name: string, origin: string, front: RunningProcess | null, headers: Record<string, string> = {}): Target {
  const request = (script: Script, stream: boolean) => ({
    method: "POST" as const,
    path: "/v1/chat/completions",
    headers: { "content-type": "application/json", ...headers },
    body: chatBody(scriptName(script), stream),
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
