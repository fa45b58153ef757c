import type { BenchConfig } from "../config.ts";
import { openAiTarget } from "../targets/openai-target.ts";
import type { Ours } from "../targets/ours.ts";
import { startFloor } from "../targets/start-floor.ts";
import { type StartedOurs, startOurs } from "../targets/start-ours.ts";
import { startProxy } from "../targets/start-proxy.ts";
import { startServices } from "../targets/start-services.ts";
import type { QueueingPeer } from "./bench.ts";
import type { Target } from "./target.ts";

export interface Everyone {
  targets: Target[];
  ours: Ours | null;
  langGraph: QueueingPeer | null;
  redisUrl: string;
  upstreamUrl: string;
  startAnother(name: string, settings?: Record<string, string>): Promise<StartedOurs>;
  stop(): Promise<void>;
}

/** Starts the services, then everyone who is measured, each in processes of its own. `stop` ends all of it, and nothing else. */
export async function startEveryone({ withoutOurs, peers, only }: BenchConfig): Promise<Everyone> {
  const running: { stop(): Promise<void> }[] = [];
  const stop = async () => {
    for (const one of running.splice(0).reverse()) await one.stop();
  };
  const started = async <One extends { stop(): Promise<void> }>(one: Promise<One>): Promise<One> => {
    running.push(await one);
    return one;
  };
  try {
    const services = await started(startServices());
    const targets: Target[] = [openAiTarget("direct", services.upstreamUrl, null)];
    targets.push((await started(startProxy(services))).target);
    targets.push((await started(startFloor(services))).target);
    const ours = withoutOurs ? null : (await started(startOurs(services, "ours"))).ours;
    if (ours !== null) targets.push(ours.target);
    let langGraph: QueueingPeer | null = null;
    if (peers) {
      const { startPortkey } = await import("../peers/start-portkey.ts");
      targets.push((await started(startPortkey(services))).target);
      // It has no direct path, and takes a while to install.
      if (only === null || [...only].some((goal) => goal !== "S6")) {
        const { startLangGraph } = await import("../peers/start-lang-graph.ts");
        const peer = await started(startLangGraph(services));
        targets.push(peer.target);
        langGraph = peer.queueing;
      }
    }
    const { redisUrl, upstreamUrl } = services;
    return { targets, ours, langGraph, redisUrl, upstreamUrl, startAnother: (name, settings) => startOurs(services, name, settings), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
