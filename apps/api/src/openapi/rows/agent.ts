import { z } from "zod";

export const agent = z
  .object({
    id: z.uuid(),
    name: z.string(),
    description: z.string(),
    version: z.int().min(1),
    state: z.enum(["active", "suspended"]),
    created_at: z.string(),
  })
  .meta({ id: "Agent" });
