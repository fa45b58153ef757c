import { startProcess } from "../services/start-process.ts";
import { openAiTarget } from "./openai-target.ts";
import { programPath, type Services, type StartedTarget } from "./started-target.ts";

/** The plain Node proxy, in a process of its own. */
export async function startProxy({ upstreamUrl }: Services): Promise<StartedTarget> {
  const proxy = await startProcess("The proxy", [programPath("proxy.ts")], { env: { MODEL_BASE_URL: `${upstreamUrl}/v1` } });
  return { target: openAiTarget("proxy", `http://127.0.0.1:${proxy.port}`, proxy), stop: () => proxy.stop() };
}
