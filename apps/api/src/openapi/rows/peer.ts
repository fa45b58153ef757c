import { z } from "zod";
import { pageFacts } from "./execution.ts";

const text = z.string();

const auth = z
  .union([
    z.object({ type: z.enum(["none", "bearer"]) }),
    z.object({ type: z.literal("secret"), name: text }),
    z.object({ type: z.literal("did_signed"), secret: text.optional() }),
    z.object({ type: z.literal("oauth"), token_url: text, client_id: text, scope: text.optional() }),
  ])
  .meta({ description: "Which credentials it is shown, without what is secret." });

const skill = z.object({
  id: text,
  name: text.nullable(),
  description: text.nullable(),
  input_schema: z.looseObject({}).nullable(),
  tags: z.array(text),
  output_modes: z.array(text),
});

export const peer = z
  .object({
    id: text,
    name: text,
    protocol: z.enum(["a2a", "openclaw"]),
    endpoint: text,
    auth,
    trust: z.object({
      verify_did: z.boolean(),
      pinned_did: text.nullable(),
      pinned_key: text.nullable(),
      policy: z.enum(["strict", "lenient"]),
      on_bad_signature: z.enum(["fail", "report"]),
    }),
    skills: z.array(skill).nullable().meta({ description: "Null: those of its agent card." }),
    price_micros: z.int().min(0).nullable(),
    timeout_ms: z.int().nullable(),
    deduplicates: z.boolean(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: "Peer" });

export const peers = z.object({ items: z.array(peer), ...pageFacts }).meta({ id: "PeerPage" });
