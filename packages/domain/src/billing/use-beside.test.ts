import { NO_USAGE } from "@parley/contracts";
import { expect, it } from "vitest";
import { useBeside } from "./use-beside.ts";

it("notes its calls until they are written down, also where they cannot be: then nobody charges them twice", async () => {
  for (const isAway of [false, true]) {
    const did: string[] = [];
    const notes = {
      open: () => ({ begun: () => void did.push("begun"), end: () => void did.push("end") }),
      close: async () => undefined,
    };
    const usage = {
      async recordBeside(_: unknown, lines: object[]) {
        did.push(`record ${lines.length}`);
        if (isAway) throw new Error("Postgres is away.");
      },
    };
    const work = { id: "s", executionId: "c", conversationId: "c", organizationId: "o" };
    const beside = useBeside({ usage, notes }, work);
    const used = { model: "a/b", ...NO_USAGE, inputTokens: 3, modelCalls: 1 };
    beside.onCall(() => ({ ...used, estimated: true }));
    beside.meter(used);
    await beside.record().catch((error: unknown) => did.push(String(error)));
    expect(did).toEqual(["begun", "record 1", "end", ...(isAway ? ["Error: Postgres is away."] : [])]);
  }
});
