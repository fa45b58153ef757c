import type { ErrorCode } from "@parley/contracts";
import type { z } from "zod";

/** The envelopes that doors refuse in. */
export type Envelope = "detail" | "openai" | "plain" | "coded" | "rpc" | "plan" | "a2a" | "paid";

export interface Content {
  /** Absent: bytes. */
  schema?: z.ZodType | undefined;
  /** Of an event stream: what the data of each frame is. */
  frames?: z.ZodType | undefined;
  /** Runs in a test. */
  example?: unknown;
}

export interface Success {
  status: number;
  description: string;
  /** By content type; absent: there is no body. */
  content?: Record<string, Content>;
}

export interface RequestBody {
  isRequired: boolean;
  content: Record<string, Content>;
}

/** What the document says of one route beyond its row in the registry. */
export interface Operation {
  envelope: Envelope;
  summary: string;
  description?: string;
  query?: z.ZodObject;
  body?: RequestBody;
  /** What a call may say in its head, and an answer in its own, beyond what follows from the row: what each is. */
  heads?: { asked: Readonly<Record<string, string>>; answered: Readonly<Record<string, string>> };
  /** It is a stream that may be taken up again. */
  resumes?: true;
  /** The first is the one that an example gets. */
  successes: [Success, ...Success[]];
  /** Refusals beyond those that follow from the row. */
  refusals?: readonly ErrorCode[];
}

export const json = (schema: z.ZodType, example?: unknown): Record<string, Content> => ({ "application/json": { schema, example } });

/** A body that must be there, with an example of it. */
export const body = (schema: z.ZodType, example: unknown): RequestBody => ({ isRequired: true, content: json(schema, example) });

export const ok = (schema: z.ZodType, description = "Done."): [Success] => [{ status: 200, description, content: json(schema) }];

export const created = (schema: z.ZodType): [Success] => [{ status: 201, description: "Made.", content: json(schema) }];

export const streamed = (frames: z.ZodType): [Success] => [
  { status: 200, description: "Server-sent events.", content: { "text/event-stream": { frames } } },
];
