import { Pool } from "undici";
import { openStream, type StreamRequest } from "../harness/open-stream.ts";
import { SCRIPTS } from "../harness/scripts.ts";
import { QUESTION } from "../harness/target.ts";
import { scriptName } from "../upstream/script.ts";

const INPUT = { model: scriptName(SCRIPTS.queued), text: QUESTION };

/** Enqueues `turns` runs behind a running one of a new thread, follows each, and answers the ms from a run's last frame to the next one's first. */
export async function langGraphHandOver(origin: string, turns: number): Promise<number[]> {
  const pool = new Pool(origin, { connections: turns + 2, pipelining: 1 });
  const request = (method: "GET" | "POST", path: string, body: object | null): StreamRequest => ({
    method,
    path,
    headers: { "content-type": "application/json" },
    body: body === null ? null : JSON.stringify(body),
  });
  const create = async (path: string, body: object): Promise<Record<string, string>> => {
    const answer = await pool.request(request("POST", path, body));
    return (await answer.body.json()) as Record<string, string>;
  };
  try {
    const { thread_id } = await create("/threads", {});
    const runs: string[] = [];
    for (let turn = 0; turn <= turns; turn++) {
      const { run_id } = await create(`/threads/${thread_id}/runs`, {
        assistant_id: "bench",
        input: INPUT,
        stream_mode: ["values"],
        multitask_strategy: "enqueue",
      });
      if (run_id === undefined) throw new Error("LangGraph refused a run.");
      runs.push(run_id);
    }
    const spans = await Promise.all(
      runs.map(async (run) => {
        const span = { firstAt: Number.NaN, lastAt: Number.NaN };
        await openStream(pool, request("GET", `/threads/${thread_id}/runs/${run}/stream?stream_mode=values`, null), () => {
          span.lastAt = performance.now();
          if (Number.isNaN(span.firstAt)) span.firstAt = span.lastAt;
        }).ended;
        return span;
      }),
    );
    // It runs enqueued runs mostly in their order, not always: what counts is the one that followed.
    spans.sort((a, b) => a.firstAt - b.firstAt);
    return spans.slice(1).map((span, index) => span.firstAt - (spans[index]?.lastAt ?? Number.NaN));
  } finally {
    await pool.destroy();
  }
}
