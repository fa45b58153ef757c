import { QUESTION, type Target } from "../harness/target.ts";
import { startProcess } from "../services/start-process.ts";
import { type Script, scriptName } from "../upstream/script.ts";
import { programPath, type Services, type StartedTarget } from "./started-target.ts";

/** The floor as two processes, on a database of its own. */
export async function startFloor(services: Services): Promise<StartedTarget> {
  const env = {
    DATABASE_URL: await services.newDatabase("floor"),
    REDIS_URL: `${services.redisUrl}/1`,
    MODEL_BASE_URL: `${services.upstreamUrl}/v1`,
  };
  const api = await startProcess("The floor's api", [programPath("floor.ts")], { env });
  const worker = await startProcess("The floor's worker", [programPath("floor-worker.ts")], { env });
  const request = (path: string) => (script: Script) => ({
    method: "POST" as const,
    path,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: scriptName(script), text: QUESTION }),
  });
  const target: Target = {
    name: "floor",
    origin: `http://127.0.0.1:${api.port}`,
    front: api,
    processes: [api, worker],
    takesCrowds: true,
    streamed: request("/turns/stream"),
    plain: request("/turns"),
    readFrame: (data) => {
      const frame = JSON.parse(data) as { type: string; text?: string };
      if (frame.type === "token") return { kind: "text", text: frame.text ?? "" };
      return { kind: frame.type === "done" ? "end" : "other" };
    },
    readPlain: (body) => (JSON.parse(body) as { answer: string }).answer,
  };
  return {
    target,
    stop: async () => {
      await worker.stop();
      await api.stop();
    },
  };
}
