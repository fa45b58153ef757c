import { createRequire } from "node:module";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

interface HealthFacts {
  planner: { models: readonly [string, ...string[]]; stepsMax: number };
  /** Null: this gateway has no identity. */
  did: string | null;
  recipeCount(): Promise<number>;
  isStopping(): boolean;
}

/** That the process serves, and what it is: nothing else is asked, `/ready` does that. */
export function createHealth({ planner, did, recipeCount, isStopping }: HealthFacts) {
  const [model] = planner.models;
  const slash = model.indexOf("/");
  const [, , author = null] = did?.split(":") ?? [];
  const gatewayId = did?.split(":").at(-1) ?? null;

  return async () => ({
    status: "ok" as const,
    health: "healthy" as const,
    ready: !isStopping(),
    version,
    uptime_seconds: Math.floor(process.uptime()),
    runtime: {
      storage_backend: "postgres",
      bus_backend: "redis",
      planner: { model, provider: model.slice(0, slash), model_id: model.slice(slash + 1), max_steps: planner.stepsMax },
      recipe_count: await recipeCount(),
      did_signing_enabled: did !== null,
    },
    application: { name: "parley", session_mode: "stateful", gateway_did: did, gateway_id: gatewayId, author },
    system: { node_version: process.version, platform: process.platform, architecture: process.arch },
  });
}
