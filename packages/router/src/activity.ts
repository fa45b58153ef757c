import { followActivityInput, GatewayError } from "@parley/contracts";
import { tracked } from "@trpc/server";
import { procedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";

export const activity = {
  /** What happens in the caller's organization, under its numbers: from now on, or after what was seen last. */
  follow: procedure("activity.follow")
    .input(followActivityInput.prefault({}))
    .subscription(async function* ({ ctx, input }) {
      const { events } = await ctx.gateway.followActivity(ctx.caller, { after: input.lastEventId ?? input.after, signal: ctx.leaving });
      for await (const event of events) yield tracked(String(event.id), event);
      // Its lifetime is over: the client comes back for the rest.
      if (!ctx.leaving.aborted) throw new GatewayError("stream_ended");
    }),
} satisfies ProceduresOf<"activity">;
