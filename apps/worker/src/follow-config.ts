import { type LimitName, type Limits, settingOf } from "@parley/contracts";
import { type ConfigKeeper, keepConfig } from "@parley/settings";
import type { createLog } from "@parley/telemetry";
import { type Config, configFacts } from "./config.ts";

interface Following {
  config: Config;
  log: ReturnType<typeof createLog>;
  limits: Limits;
}

/** The limits that each turn or step looks at anew. Others are built into what the process has opened. */
const LIVE_LIMITS: readonly LimitName[] = [
  "stepsPerTurnMax",
  "childMs",
  "childDepthMax",
  "childrenPerTurnMax",
  "callsPerStepMax",
  "callsPerResponseMax",
  "fallbackModelsMax",
  "modelRetriesMax",
  "subAgentsMax",
  "historyTurnsMax",
  "historyCharsMax",
  "answerCharsMax",
  "wakesInARowMax",
];

/** Takes up at once what of the configuration file may change while the worker runs. Null where there is no file. */
export async function followConfig({ config, log, limits }: Following): Promise<Pick<ConfigKeeper, "reload" | "close"> | null> {
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
    live: { ...Object.fromEntries(ofLimits), LOG_LEVEL: (value) => log.setLevel(value as Config["LOG_LEVEL"]) },
  });
}
