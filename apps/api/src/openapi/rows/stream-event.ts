import { z } from "zod";
import type { WireEvent } from "../../rest/events.ts";

/** The data of one frame of the REST streams. */
export const streamEvent: z.ZodType<WireEvent> = z
  .object({
    type: z.string(),
    task_id: z.string(),
    organization_id: z.string(),
    time: z.iso.datetime(),
    data: z.unknown(),
  })
  .meta({ id: "StreamEvent", description: "The `data` of one frame. Every frame but `connected` has an `id` to resume from." });
