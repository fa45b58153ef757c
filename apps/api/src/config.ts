import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { agentConfig, agentId, BOUNDS, billingSettings, hookId, limitSettings, organizationId } from "@parley/contracts";
import { databaseSettings } from "@parley/db";
import { egressSettings } from "@parley/egress";
import { identitySettings, jwtProblems, tlsProblems, vaultSettings } from "@parley/identity";
import { mediaSettings } from "@parley/media";
import { directSettings, modelSettings } from "@parley/model";
import { paymentSettings } from "@parley/payments";
import { didProblems, didSettings } from "@parley/peers";
import { redisSettings } from "@parley/redis";
import { type FileSettings, readSettings } from "@parley/settings";
import { telemetrySettings } from "@parley/telemetry";
import { recipeSettings, toolSettings } from "@parley/tools";
import { z } from "zod";

/** Whether only this machine can reach the address. Names but `localhost` may lead anywhere. */
const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));

const isOrigin = (text: string): boolean => text === "*" || (URL.canParse(text) && new URL(text).origin === text);

const origins = z
  .string()
  .default("")
  .transform((text) =>
    text
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ""),
  )
  .pipe(z.array(z.string().refine(isOrigin, "must be an origin such as https://app.example.com, or *")));

const modelName = z
  .string()
  .regex(/^[^/\s]+\/\S+$/, "must be <provider>/<model>")
  .max(200);

const ownSettings = z
  .object({
    HOST: z.string().min(1).default("127.0.0.1"),
    /** 0 takes a free port. */
    PORT: z.coerce.number().int().min(0).max(65_535).default(4_766),
    /** Under which address callers know this gateway: addresses of files begin with it. */
    PUBLIC_URL: z
      .url({ protocol: /^https?$/ })
      .transform((url) => url.replace(/\/+$/, ""))
      .optional(),
    /** The hook that `/hooks/{anything}` leads to, where the address names none. */
    HOOKS_DEFAULT_ID: hookId.optional(),
    /** The agent whose A2A card stands at `/.well-known/agent-card.json`; none where it is not set. */
    A2A_DEFAULT_AGENT_ID: agentId.optional(),
    /** Whether what comes by any hook must bear a signed time. */
    HOOKS_REQUIRE_TIMESTAMP: z.stringbool().default(false),
    /** Opens the operator's routes; without it they answer 503. */
    ADMIN_SECRET: z.string().min(16).max(1_024).optional(),
    /** Development only: everyone is let in with every scope, as the organization below. */
    AUTH_DISABLED: z.stringbool().default(false),
    DEFAULT_ORGANIZATION_ID: organizationId.optional(),
    /** Development only: what wallets set aside is the operator's gift. */
    BILLING_DEV_FUNDING: z.stringbool().default(false),
    /** For development: a bearer token that may do everything in one organization, the default one or one of its own, but manage its keys. */
    GATEWAY_API_KEY: z
      .string()
      .regex(/^[\x21-\x7e]{8,1024}$/, "must be 8 to 1024 visible ASCII characters")
      .optional(),
    /** What the built-in planner thinks with; with commas: the first and its fallbacks. */
    PLANNER_MODEL: z
      .string()
      .default("local/chat")
      .transform((text) => text.split(",").map((name) => name.trim()))
      .pipe(z.tuple([modelName], modelName)),
    /** Which recipes it may load, as JSON: patterns of their names, each with allow, ask or deny. */
    PLANNER_RECIPES: z
      .string()
      .default('{"*":"allow"}')
      .transform((text, context): unknown => {
        try {
          return JSON.parse(text);
        } catch {
          context.addIssue({ code: "custom", message: "must be JSON" });
          return z.NEVER;
        }
      })
      .pipe(agentConfig.shape.recipes.unwrap()),
    PLANNER_STEPS_MAX: z.coerce.number().int().min(1).max(BOUNDS.stepsPerTurnMax.ceiling).default(10),
    /** Lets those without a credential read the list of models. */
    MODELS_PUBLIC: z.stringbool().default(false),
    /** Open connections of one process, streams included. */
    CONNECTIONS_MAX: z.coerce.number().int().min(1).max(1_000_000).default(20_000),
    /** Pages that may read answers: origins, or `*`. */
    CORS_ORIGINS: origins,
    /** Pages that may open WebSockets, besides the gateway's own. */
    SOCKET_ORIGINS: origins,
    /** How often a JSON-RPC socket is told that it is alive. */
    RPC_HEARTBEAT_MS: z.coerce.number().int().min(100).max(3_600_000).default(30_000),
    /** A YAML or JSON file with settings, which counts for less than the environment. */
    CONFIG_FILE: z.string().min(1).optional(),
    /** How long requests under way may take when the process is told to stop. */
    API_GRACE_MS: z.coerce.number().int().min(0).max(600_000).default(5_000),
  })
  .refine(({ AUTH_DISABLED, HOST }) => !AUTH_DISABLED || isLoopback(HOST), {
    message: "Is for development and needs HOST to be a loopback address.",
    path: ["AUTH_DISABLED"],
  })
  .refine(({ BILLING_DEV_FUNDING, HOST }) => !BILLING_DEV_FUNDING || isLoopback(HOST), {
    message: "Is for development and needs HOST to be a loopback address.",
    path: ["BILLING_DEV_FUNDING"],
  })
  .refine(({ AUTH_DISABLED, DEFAULT_ORGANIZATION_ID }) => !AUTH_DISABLED || DEFAULT_ORGANIZATION_ID !== undefined, {
    message: "Is needed with AUTH_DISABLED.",
    path: ["DEFAULT_ORGANIZATION_ID"],
  });

const schema = databaseSettings
  .extend(identitySettings.shape)
  .extend(limitSettings.shape)
  .extend(billingSettings.shape)
  .extend(mediaSettings.shape)
  .extend(paymentSettings.shape)
  .extend(vaultSettings.shape)
  .extend(redisSettings.shape)
  .extend(telemetrySettings.shape)
  .extend(egressSettings.shape)
  .extend(modelSettings.shape)
  .extend(directSettings.shape)
  .extend(didSettings.shape)
  .extend(recipeSettings.shape)
  .extend(toolSettings.shape)
  .superRefine((settings, context) => {
    for (const { path, message } of [...jwtProblems(settings), ...tlsProblems(settings), ...didProblems(settings)]) {
      context.addIssue({ code: "custom", path: [path], message });
    }
  })
  .and(ownSettings);
export type Config = z.infer<typeof schema>;

/** Every variable that is read. */
export const settingNames: string[] = [schema.def.left, schema.def.right].flatMap(({ shape }) => Object.keys(shape));

type Variables = Record<string, string | undefined>;

/** Every variable that the configuration file may set: all but its own place. */
const fileNames = settingNames.filter((name) => name !== "CONFIG_FILE");

/** Empty counts as absent. */
const presentIn = (environment: Variables): Variables =>
  Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));

/** What a file says, by variable, and what is wrong with it. */
function readFile(path: string | undefined, environment: Variables): FileSettings {
  if (path === undefined) return { values: {}, problems: [] };
  try {
    return readSettings(readFileSync(path, "utf8"), { names: fileNames, environment });
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

/**
 * Reads the environment, where empty counts as absent, over the file that it names as `CONFIG_FILE`; throws one error that lists everything that is
 * wrong with both.
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const own = presentIn(environment);
  const { values, problems } = readFile(own.CONFIG_FILE, own);
  return parseVariables({ ...values, ...own }, problems);
}

const FIXED =
  /^(HOST|PORT|TLS_.*|JWT_.*|STRIPE_.*|MPP_.*|DATABASE_.*|REDIS_.*|EGRESS_.*|MEDIA_.*|DID_.*|AUTH_DISABLED|BILLING_DEV_FUNDING|PAYMENTS_.*|DEFAULT_ORGANIZATION_ID|TOOL_SECRETS|TRUSTED_PROXIES|QUERY_TOKENS|.*_URL)$/;

/** What the file's keeper has to know of the variables; everything but what takes them up. */
export function configFacts(environment: NodeJS.ProcessEnv = process.env) {
  const shape: Record<string, z.ZodType> = { ...schema.def.left.shape, ...schema.def.right.shape };
  const schemas = fileNames.map((name) => [name, z.toJSONSchema(shape[name] ?? z.any(), { io: "input", unrepresentable: "any" })]);
  return {
    environment: presentIn(environment),
    schemas: Object.fromEntries(schemas) as Record<string, object>,
    parse: (variables: Variables): Record<string, unknown> => parseVariables(variables),
    isFixed: (name: string) => FIXED.test(name),
  };
}
