import { type A2aPart, a2aName, moment } from "@parley/contracts";
import { z } from "zod";
import { A2aError } from "./a2a-errors.ts";

/** What clients ask for, in the shape of version 1.0. Unknown members are ignored; what is empty counts as absent, as in protobuf. */

const text = z.string();
const metadata = z.record(text, z.json());
const emptyAsAbsent = (value: unknown): unknown => (value === "" || value === null ? undefined : value);
const optionalText = z.preprocess(emptyAsAbsent, z.string().max(2_048).optional());
const optionalName = z.preprocess(emptyAsAbsent, a2aName.optional());
const optionalCount = z.preprocess(emptyAsAbsent, z.int().min(0).max(1_000_000).optional());
const names = z.preprocess((value) => value ?? undefined, z.array(text.max(2_048)).max(100).optional());

const part = z
  .object({
    text: text.optional(),
    raw: text.optional(),
    url: text.max(2_048).optional(),
    data: z.json().optional(),
    mediaType: optionalText,
    filename: optionalText,
    metadata: metadata.nullish(),
  })
  .refine(({ text: words, raw, url, data }) => [words, raw, url, data].filter((one) => one !== undefined).length === 1, {
    message: "A part has exactly one of text, raw, url and data.",
  })
  .transform(({ metadata: about, ...rest }): A2aPart => {
    const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
    return { ...given, ...(about && { metadata: about }) };
  });

const authentication = z.object({ scheme: text.min(1).max(100), credentials: optionalText });
const pushFields = { id: optionalName, url: z.url({ protocol: /^https?$/ }).max(2_048), token: optionalText };
const push = z.object({ ...pushFields, authentication: authentication.nullish() });

const message = z.object({
  messageId: a2aName,
  role: z.literal("ROLE_USER", { error: "Clients speak as ROLE_USER." }),
  parts: z.array(part).min(1).max(1_000),
  contextId: optionalName,
  taskId: optionalName,
  referenceTaskIds: names,
  extensions: names,
  metadata: metadata.nullish(),
});

const flag = z.preprocess((value) => value ?? undefined, z.boolean().optional());

/** Said by gateways like this one. Whoever means something else by the name is not held to it. */
const onTheWay = z
  .object({ hopsMax: z.int().min(0).optional().catch(undefined) })
  .nullish()
  .catch(undefined);

const send = z.object({
  message,
  metadata: onTheWay,
  configuration: z
    .object({
      acceptedOutputModes: names,
      taskPushNotificationConfig: push.nullish(),
      historyLength: optionalCount,
      returnImmediately: flag,
    })
    .nullish(),
});
export type SendParams = z.output<typeof send>;
export type PushParams = z.output<typeof push>;

const ofTask = z.object({ id: a2aName });
const get = ofTask.extend({ historyLength: optionalCount });
const list = z.object({
  contextId: optionalName,
  status: optionalText,
  pageSize: z.preprocess(emptyAsAbsent, z.int().min(1).max(100).default(50)),
  pageToken: optionalText,
  historyLength: optionalCount,
  statusTimestampAfter: z.preprocess(emptyAsAbsent, moment.optional()),
  includeArtifacts: flag,
});
export type ListParams = z.output<typeof list>;
const ofPush = z.object({ taskId: a2aName, id: a2aName });

/** The operations, by their methods' names in version 1.0. */
export const PARAMS = {
  SendMessage: send,
  SendStreamingMessage: send,
  GetTask: get,
  ListTasks: list,
  CancelTask: ofTask,
  SubscribeToTask: ofTask,
  CreateTaskPushNotificationConfig: push.extend({ taskId: a2aName }),
  GetTaskPushNotificationConfig: ofPush,
  ListTaskPushNotificationConfigs: z.object({ taskId: a2aName }),
  DeleteTaskPushNotificationConfig: ofPush,
  GetExtendedAgentCard: z.object({}),
} as const satisfies Record<string, z.ZodType>;

export type A2aMethod = keyof typeof PARAMS;
export type ParamsOf<Method extends A2aMethod> = z.output<(typeof PARAMS)[Method]>;

/** Throws `invalidParams` with every field that is wrong. */
export function readParams<Method extends A2aMethod>(method: Method, given: unknown): ParamsOf<Method> {
  const read = PARAMS[method].safeParse(camelCased(given ?? {}));
  if (read.success) return read.data as ParamsOf<Method>;
  const said = read.error.issues.map(({ path, message: what }) => `${path.map(String).join(".") || "params"}: ${what}`);
  throw new A2aError("invalidParams", said.slice(0, 10).join(" "));
}

const OPAQUE: ReadonlySet<string> = new Set(["metadata", "data", "params"]);

/** The names that protobuf itself has for members are as good as those of its JSON. What clients bring of their own is left alone. */
function camelCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCased);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const known = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      return [known, OPAQUE.has(name) ? inner : camelCased(inner)];
    }),
  );
}
