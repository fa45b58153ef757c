import { type LimitName, type Limits, RATE_BUCKETS, settingOf } from "@parley/contracts";
import type { Log } from "@parley/domain";
import { type ConfigKeeper, keepConfig } from "@parley/settings";
import { type Config, configFacts } from "./config.ts";
import type { OriginLists } from "./origins.ts";

interface Keeping {
  config: Config;
  log: Log;
  setLogLevel?: ((level: Config["LOG_LEVEL"]) => void) | undefined;
  limits: Limits;
  origins: OriginLists;
  aliases: Map<string, readonly string[]>;
}

/** The limits that are looked at anew for each call, session or turn of the limiter. Others are built into what the process has opened. */
const LIVE_LIMITS: readonly LimitName[] = [
  ...Object.values(RATE_BUCKETS),
  "rateWindowMs",
  "badCredentialsMax",
  "credentialLockMs",
  "sessionSeconds",
  "sessionIdleSeconds",
  "sessionsPerPrincipalMax",
];

/** Keeps the file that the configuration names, and takes up at once what may change while the process runs. Null where there is none. */
export async function keepOwnConfig({ config, log, setLogLevel, limits, origins, aliases }: Keeping): Promise<ConfigKeeper | null> {
  const { CONFIG_FILE: path } = config;
  if (path === undefined) return null;
  const ofLimits = LIVE_LIMITS.map((name) => [
    settingOf(name),
    (value: unknown) => {
      limits[name] = Number(value);
    },
  ]);
  return keepConfig({
    ...configFacts(),
    path,
    log,
    historyMax: limits.configHistoryMax,
    live: {
      ...Object.fromEntries(ofLimits),
      CORS_ORIGINS: (value) => {
        origins.cors = value as Config["CORS_ORIGINS"];
      },
      SOCKET_ORIGINS: (value) => {
        origins.sockets = value as Config["SOCKET_ORIGINS"];
      },
      MODEL_ALIASES(value) {
        aliases.clear();
        for (const [alias, models] of value as Config["MODEL_ALIASES"]) aliases.set(alias, models);
      },
      LOG_LEVEL: (value) => setLogLevel?.(value as Config["LOG_LEVEL"]),
    },
  });
}
