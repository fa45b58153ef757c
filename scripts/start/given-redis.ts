import { StartFailure } from "../services/start-failure.ts";
import { notUsable } from "./not-usable.ts";

const ANSWER_MS_MAX = 5_000;

/** Where `REDIS_URL` points to, without users and passwords; null when it is not set. Throws `StartFailure` when it is no address. */
export function redisFromEnvironment(environment: NodeJS.ProcessEnv): { url: string; place: string } | null {
  const url = environment["REDIS_URL"];
  if (!url) return null;
  const nodes = url.split(",").map((node) => node.trim());
  if (!nodes.every((node) => URL.canParse(node))) {
    throw new StartFailure("REDIS_URL is not an address like redis://:password@host:6379, or several with commas between.");
  }
  return { url, place: nodes.map((node) => new URL(node).host).join(", ") };
}

/**
 * Connects once, the way the gateway's processes will: to one server, a Cluster or Sentinels. Throws `StartFailure` that
 * names the variable, the address and the reason, within 5 seconds.
 */
export async function pingRedis(environment: NodeJS.ProcessEnv, place: string): Promise<void> {
  const { connectRedis, redisSettings } = await import("@parley/redis");
  const settings = redisSettings.safeParse(Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== "")));
  if (!settings.success) {
    const [issue] = settings.error.issues;
    throw new StartFailure(`${issue?.path.join(".")}: ${issue?.message}`);
  }
  const { REDIS_URL, REDIS_CLUSTER, REDIS_SENTINEL_NAME } = settings.data;
  const address = { url: REDIS_URL, cluster: REDIS_CLUSTER, sentinelName: REDIS_SENTINEL_NAME };
  const client = connectRedis(address, { role: "producer", name: "parley-start" });
  try {
    await new Promise<void>((resolve, reject) => {
      const silent = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS_MAX / 1000} s`)), ANSWER_MS_MAX);
      client.once("ready", () => {
        clearTimeout(silent);
        resolve();
      });
      client.on("error", (error: Error) => {
        clearTimeout(silent);
        reject(error);
      });
    });
  } catch (error) {
    throw notUsable({ what: "Redis", place, names: "REDIS_URL", error });
  } finally {
    client.disconnect();
  }
}
