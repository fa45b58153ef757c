import postgres from "postgres";
import { startPostgres } from "../services/postgres-server.ts";
import { startRedis } from "../services/redis-server.ts";
import { startProcess } from "../services/start-process.ts";
import { programPath, type Services } from "./started-target.ts";

/** Starts the scripted model, a Redis and a Postgres of our own. `stop` ends all three, whatever state they are in. */
export async function startServices(): Promise<Services & { stop(): Promise<void> }> {
  const running: { stop(): Promise<unknown> }[] = [];
  const stop = async () => {
    for (const service of running.reverse()) await service.stop();
  };
  try {
    const upstream = await startProcess("The scripted model", [programPath("upstream.ts")], { env: {} });
    running.push(upstream);
    const redis = await startRedis();
    running.push(redis);
    const server = await startPostgres();
    running.push(server);
    return {
      upstreamUrl: `http://127.0.0.1:${upstream.port}`,
      redisUrl: redis.url,
      newDatabase: async (name) => {
        const owner = postgres(server.url("postgres"), { max: 1 });
        await owner`create database ${owner(name)}`;
        await owner.end();
        return server.url(name);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
