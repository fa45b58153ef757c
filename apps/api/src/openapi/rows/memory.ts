import { memoryScope } from "@parley/contracts";
import { z } from "zod";
import { pageFacts } from "./execution.ts";

const memory = z
  .object({
    id: z.uuid(),
    scope: memoryScope,
    scope_id: z.string(),
    agent_id: z.uuid(),
    text: z.string(),
    tainted: z.boolean(),
    conversation_id: z.uuid().nullable(),
    turn_number: z.int().nullable(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: "Memory" });

export const memories = z.object({ items: z.array(memory), ...pageFacts }).meta({ id: "MemoryPage" });
