import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { QueueingPeer } from "../harness/bench.ts";
import { QUESTION, type Target } from "../harness/target.ts";
import { freePort } from "../services/free-port.ts";
import { type RunningProcess, startProcess } from "../services/start-process.ts";
import type { Services, StartedTarget } from "../targets/started-target.ts";
import { type Script, scriptName } from "../upstream/script.ts";
import { installPeer } from "./install-peer.ts";
import { langGraphHandOver } from "./lang-graph-hand-over.ts";

const MANIFEST = {
  dependencies: {
    "@langchain/core": "1.4.0",
    "@langchain/langgraph": "1.7.3",
    "@langchain/langgraph-api": "2.0.0",
    "@langchain/langgraph-checkpoint": "1.2.2",
    "@langchain/langgraph-cli": "2.0.0",
    typescript: "5.9.3",
  },
};
const AGENT = "lang-graph-agent.mjs";
const SERVER = "lang-graph-server.mjs";
/** Its default, and what makes its queue quickest: its workers poll, so more of them find work sooner. */
const WORKERS = { plain: 10, queueing: 100 };

/** LangGraph's in-memory development server, without its file watcher and at its quietest log level. Nothing it does is durable. */
export async function startLangGraph({ upstreamUrl }: Services): Promise<StartedTarget & { queueing: QueueingPeer }> {
  const folder = await installPeer("lang-graph", MANIFEST, [AGENT, SERVER]);
  const start = async (nWorkers: number): Promise<RunningProcess> => {
    const preload = join(folder, "node_modules/@langchain/langgraph-api/dist/preload.mjs");
    const options = { port: await freePort(), nWorkers, host: "127.0.0.1", cwd: folder, graphs: { bench: `./${AGENT}:graph` } };
    return startProcess("LangGraph", ["--import", pathToFileURL(preload).href, join(folder, SERVER), JSON.stringify(options)], {
      env: {
        MODEL_BASE_URL: `${upstreamUrl}/v1`,
        LOG_LEVEL: "error",
        LOG_JSON: "true",
        LANGSMITH_TRACING: "false",
        LANGGRAPH_CLI_NO_ANALYTICS: "1",
      },
      cwd: folder,
    });
  };
  const server = await start(WORKERS.plain);
  // Started when it is first needed: a hundred polling workers would slow everyone else's rounds.
  let second: Promise<RunningProcess> | null = null;
  return {
    target: target(server),
    queueing: {
      name: "LangGraph",
      handOver: async (turns) => {
        second ??= start(WORKERS.queueing);
        return langGraphHandOver(`http://127.0.0.1:${(await second).port}`, turns);
      },
    },
    stop: async () => {
      await (await second)?.stop();
      await server.stop();
    },
  };
}

function target(front: RunningProcess): Target {
  const request = (path: string) => (script: Script) => ({
    method: "POST" as const,
    path,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      assistant_id: "bench",
      input: { model: scriptName(script), text: QUESTION },
      stream_mode: ["custom", "values"],
    }),
  });
  return {
    name: "LangGraph",
    origin: `http://127.0.0.1:${front.port}`,
    front,
    processes: [front],
    // Ten turns at a time: a crowd would wait for its workers, and not for what is measured.
    takesCrowds: false,
    streamed: request("/runs/stream"),
    plain: request("/runs/wait"),
    readFrame: (data) => {
      // Each token is a bare string; the last state holds the answer; the others are objects without it.
      if (data.startsWith('"')) return { kind: "text", text: JSON.parse(data) as string };
      return { kind: data.includes('"answer":') ? "end" : "other" };
    },
    readPlain: (body) => (JSON.parse(body) as { answer: string }).answer,
  };
}
