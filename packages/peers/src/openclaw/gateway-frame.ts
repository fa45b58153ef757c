import { z } from "zod";

const errorShape = z.looseObject({
  code: z.string().max(200).catch("UNKNOWN"),
  message: z.string().catch(""),
  retryAfterMs: z.number().nonnegative().optional().catch(undefined),
});

/** What an OpenClaw gateway says. What it may say besides is passed over. */
const frame = z.discriminatedUnion("type", [
  z.looseObject({
    type: z.literal("res"),
    id: z.string(),
    ok: z.boolean(),
    payload: z.unknown().optional(),
    error: errorShape.optional().catch(undefined),
  }),
  z.looseObject({ type: z.literal("event"), event: z.string(), payload: z.unknown().optional() }),
]);
export type GatewayFrame = z.infer<typeof frame>;
export type GatewayEvent = Extract<GatewayFrame, { type: "event" }>;

/** A frame; `null` for one of a kind that nobody knows yet. Throws `SyntaxError` for what is no frame at all. */
export function readFrame(text: string): GatewayFrame | null {
  const given: unknown = JSON.parse(text);
  if (typeof given !== "object" || given === null || !("type" in given)) throw new SyntaxError("no frame");
  const read = frame.safeParse(given);
  if (read.success) return read.data;
  if (given.type === "res" || given.type === "event") throw new SyntaxError("a broken frame");
  return null;
}

export const challenge = z.looseObject({ nonce: z.string().min(1).max(1_000) });

/** Versions of the protocol that are spoken here. */
export const PROTOCOLS = { min: 3, max: 4 } as const;

export const helloOk = z.looseObject({
  type: z.literal("hello-ok"),
  protocol: z.int().min(PROTOCOLS.min).max(PROTOCOLS.max),
  policy: z
    .looseObject({ maxPayload: z.number().positive().optional().catch(undefined) })
    .optional()
    .catch(undefined),
});

const chatEvent = z.looseObject({
  runId: z.string(),
  sessionKey: z.string().catch(""),
  seq: z.number().catch(0),
  state: z.string(),
  deltaText: z.string().optional().catch(undefined),
  replace: z.boolean().optional().catch(undefined),
  message: z.unknown().optional(),
  usage: z.unknown().optional(),
  errorMessage: z.string().optional().catch(undefined),
  errorKind: z.string().max(100).optional().catch(undefined),
});
export type ChatEvent = z.infer<typeof chatEvent>;

/** What an event says of a chat; null for any other, and for one that cannot be read. */
export function readChatEvent({ event, payload }: GatewayEvent): ChatEvent | null {
  if (event !== "chat") return null;
  return chatEvent.safeParse(payload).data ?? null;
}

/** The words of a message, whichever of its forms it has. */
export function messageText(message: unknown): string | null {
  if (typeof message === "string") return message;
  if (typeof message !== "object" || message === null) return null;
  const { content, text } = message as { content?: unknown; text?: unknown };
  if (typeof content === "string") return content;
  if (Array.isArray(content)) {
    const parts = content.flatMap((part: unknown) =>
      typeof part === "object" && part !== null && "text" in part && typeof part.text === "string" ? [part.text] : [],
    );
    return parts.length === 0 ? null : parts.join("");
  }
  return typeof text === "string" ? text : null;
}
