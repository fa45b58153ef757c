import { readFileSync } from "node:fs";
import { billingSettings, limitSettings } from "@parley/contracts";
import { databaseSettings, sweepSettings } from "@parley/db";
import { egressSettings } from "@parley/egress";
import { vaultSettings } from "@parley/identity";
import { mediaSettings } from "@parley/media";
import { modelSettings } from "@parley/model";
import { paymentSettings } from "@parley/payments";
import { didProblems, didSettings, hydraProblems, hydraSettings } from "@parley/peers";
import { workerSettings } from "@parley/queue";
import { redisSettings } from "@parley/redis";
import { readSettings } from "@parley/settings";
import { telemetrySettings } from "@parley/telemetry";
import { recipeSettings, toolSettings } from "@parley/tools";
import { z } from "zod";

const ownSettings = z
  .object({
    /** How long a dead worker's turn waits before another worker may take it. */
    LEASE_MS: z.coerce.number().int().min(500).max(600_000).default(10_000),
    /** How often leases are renewed and the texts of running turns kept. At most a third of the lease. */
    HEARTBEAT_MS: z.coerce.number().int().min(50).max(60_000).default(2_000),
    /** Whether this process may be elected to sweep. */
    WORKER_SWEEPS: z.stringbool().default(true),
    /** Where `/health` and `/metrics` are served; 0 takes a free port, absent serves none. */
    WORKER_PORT: z.coerce.number().int().min(0).max(65_535).optional(),
    /** Under which address peers call back when a task of theirs has moved; they are asked where it is absent. */
    PUBLIC_URL: z
      .url({ protocol: /^https?$/ })
      .transform((url) => url.replace(/\/+$/, ""))
      .optional(),
    HOST: z.string().min(1).default("127.0.0.1"),
    /** The configuration file that the api has, too; what the environment sets counts for more. */
    CONFIG_FILE: z.string().min(1).optional(),
  })
  .refine(({ LEASE_MS, HEARTBEAT_MS }) => HEARTBEAT_MS * 3 <= LEASE_MS, {
    message: "Must be at most a third of LEASE_MS.",
    path: ["HEARTBEAT_MS"],
  });

const schema = databaseSettings
  .extend(sweepSettings.shape)
  .extend(limitSettings.shape)
  .extend(billingSettings.shape)
  .extend(egressSettings.shape)
  .extend(mediaSettings.shape)
  .extend(paymentSettings.shape)
  .extend(vaultSettings.shape)
  .extend(modelSettings.shape)
  .extend(redisSettings.shape)
  .extend(workerSettings.shape)
  .extend(telemetrySettings.shape)
  .extend(toolSettings.shape)
  .extend(recipeSettings.shape)
  .extend(didSettings.shape)
  .extend(hydraSettings.shape)
  .superRefine((settings, context) => {
    for (const { path, message } of [...didProblems(settings), ...hydraProblems(settings)]) {
      context.addIssue({ code: "custom", message, path: [path] });
    }
  })
  .and(ownSettings);
export type Config = z.infer<typeof schema>;

/** Every variable that is read. */
export const settingNames: string[] = [schema.def.left, schema.def.right].flatMap(({ shape }) => Object.keys(shape));

type Variables = Record<string, string | undefined>;

/** Every variable that the file may set: all but its own place. */
const fileNames = settingNames.filter((name) => name !== "CONFIG_FILE");

/** Empty counts as absent. */
const presentIn = (environment: Variables): Variables =>
  Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));

function valuesOf(path: string | undefined, environment: Variables): { values: Variables; problems: string[] } {
  if (path === undefined) return { values: {}, problems: [] };
  try {
    return readSettings(readFileSync(path, "utf8"), { names: fileNames, environment, isShared: true });
  } catch (error) {
    return { values: {}, problems: [`CONFIG_FILE: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"})`] };
  }
}

function parseVariables(variables: Variables, problems: readonly string[] = []): Config {
  const parsed = schema.safeParse(variables);
  const issues = parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  const lines = [...problems, ...issues].map((line) => `  ${line}`);
  if (!parsed.success || lines.length > 0) throw new Error(`The configuration is wrong:\n${lines.join("\n")}`);
  return parsed.data;
}

/** Reads the environment, where empty counts as absent, over the file that it names; throws one error that lists everything that is wrong with both. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const own = presentIn(environment);
  const { values, problems } = valuesOf(own["CONFIG_FILE"], own);
  return parseVariables({ ...values, ...own }, problems);
}

/** What the file's keeper has to know of the variables. It is changed through the api alone. */
export const configFacts = (environment: NodeJS.ProcessEnv = process.env) => ({
  environment: presentIn(environment),
  schemas: Object.fromEntries(fileNames.map((name) => [name, {}])),
  parse: (variables: Variables): Record<string, unknown> => parseVariables(variables),
  isFixed: () => true,
  isShared: true,
});
