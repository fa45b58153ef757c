import { isIP } from "node:net";
import { hookId, limitSettings, organizationId } from "@parley/contracts";
import { databaseSettings } from "@parley/db";
import { egressSettings } from "@parley/egress";
import { identitySettings, jwtProblems, tlsProblems, vaultSettings } from "@parley/identity";
import { mediaSettings } from "@parley/media";
import { directSettings, modelSettings } from "@parley/model";
import { redisSettings } from "@parley/redis";
import { telemetrySettings } from "@parley/telemetry";
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
    /** Whether what comes by any hook must bear a signed time. */
    HOOKS_REQUIRE_TIMESTAMP: z.stringbool().default(false),
    /** Opens the operator's routes; without it they answer 503. */
    ADMIN_SECRET: z.string().min(16).max(1_024).optional(),
    /** Development only: everyone is let in with every scope, as the organization below. */
    AUTH_DISABLED: z.stringbool().default(false),
    DEFAULT_ORGANIZATION_ID: organizationId.optional(),
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
    /** How long requests under way may take when the process is told to stop. */
    API_GRACE_MS: z.coerce.number().int().min(0).max(600_000).default(5_000),
  })
  .refine(({ AUTH_DISABLED, HOST }) => !AUTH_DISABLED || isLoopback(HOST), {
    message: "Is for development and needs HOST to be a loopback address.",
    path: ["AUTH_DISABLED"],
  })
  .refine(({ AUTH_DISABLED, DEFAULT_ORGANIZATION_ID }) => !AUTH_DISABLED || DEFAULT_ORGANIZATION_ID !== undefined, {
    message: "Is needed with AUTH_DISABLED.",
    path: ["DEFAULT_ORGANIZATION_ID"],
  });

const schema = databaseSettings
  .extend(identitySettings.shape)
  .extend(limitSettings.shape)
  .extend(mediaSettings.shape)
  .extend(vaultSettings.shape)
  .extend(redisSettings.shape)
  .extend(telemetrySettings.shape)
  .extend(egressSettings.shape)
  .extend(modelSettings.shape)
  .extend(directSettings.shape)
  .superRefine((settings, context) => {
    for (const { path, message } of [...jwtProblems(settings), ...tlsProblems(settings)]) {
      context.addIssue({ code: "custom", path: [path], message });
    }
  })
  .and(ownSettings);
export type Config = z.infer<typeof schema>;

/** Every variable that is read. */
export const settingNames: string[] = [schema.def.left, schema.def.right].flatMap(({ shape }) => Object.keys(shape));

/** Reads the environment, where empty counts as absent; throws one error that lists everything that is wrong with it. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const parsed = schema.safeParse(Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== "")));
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `  ${issue.path.join(".")}: ${issue.message}`);
  throw new Error(`The configuration is wrong:\n${lines.join("\n")}`);
}
