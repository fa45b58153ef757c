import { organizationId, toolSecretName } from "@parley/contracts";
import { type EgressSecret, exactHostPort } from "@parley/egress";
import { z } from "zod";

/** Those that a call has anyway, or that say where its body ends. */
const OURS = ["accept", "accept-encoding", "connection", "content-length", "content-type", "host", "idempotency-key", "transfer-encoding"];

const toolSecret = z.strictObject({
  name: toolSecretName,
  /** Long enough to be told from other text where an answer holds it. */
  value: z.string().regex(/^[\x21-\x7e]{8,4096}$/, "must be 8 to 4096 visible ASCII characters"),
  hosts: z.array(exactHostPort).min(1),
  /** Whose agents may name it. Nothing is understood by leaving it out: whoever may use it decides what is asked of its hosts. */
  organizations: z.union([z.literal("all"), z.array(organizationId).min(1)]),
  header: z
    .string()
    .toLowerCase()
    .regex(/^[a-z0-9-]{1,64}$/)
    .refine((name) => !OURS.includes(name), "is a header of the gateway's own")
    .optional(),
  format: z
    .string()
    .regex(/^[\x20-\x7e]*\{value\}[\x20-\x7e]*$/, "must have {value} in it")
    .optional(),
});
export type ToolSecret = z.infer<typeof toolSecret>;

function fromJson(text: string, context: z.RefinementCtx): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own words would quote what it could not read.
    context.addIssue({ code: "custom", message: "must be a JSON list" });
    return z.NEVER;
  }
}

/** What tools read from the environment. */
export const toolSettings = z.object({
  /** A JSON list of credentials for tools: `{name, value, hosts, organizations, header?, format?}`. */
  TOOL_SECRETS: z
    .string()
    .default("[]")
    .transform(fromJson)
    .pipe(
      z
        .array(toolSecret)
        .refine((secrets) => new Set(secrets.map(({ name }) => name)).size === secrets.length, "names a secret more than once"),
    ),
});

/** Apart from the names of other secrets of the egress: no tool can name a model's key. */
export const egressNameOf = ({ name }: ToolSecret): string => `tool.${name}`;

/** Whether agents of that organization may name it. */
export const isFor = ({ organizations }: ToolSecret, organizationId: string): boolean =>
  organizations === "all" || organizations.some((id) => id === organizationId);

/** How the egress is asked for it; null where it is not there, or not for this organization. */
export function secretNameFor(secrets: ToolSecret[], organizationId: string, name: string): string | null {
  const secret = secrets.find((one) => one.name === name && isFor(one, organizationId));
  return secret === undefined ? null : egressNameOf(secret);
}

/** The same for the egress, which binds each to its hosts. */
export const toolSecrets = (secrets: ToolSecret[]): EgressSecret[] =>
  secrets.map((secret) => ({
    name: egressNameOf(secret),
    value: secret.value,
    hosts: secret.hosts,
    ...(secret.header !== undefined && { header: secret.header }),
    ...(secret.format !== undefined && { format: secret.format }),
  }));
