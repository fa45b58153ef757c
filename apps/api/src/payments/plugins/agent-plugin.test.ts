import { LIMITS } from "@parley/contracts";
import type { Gateway } from "@parley/domain";
import { expect, it } from "vitest";
import { guestOf } from "../guest.ts";
import { agentPlugin } from "./agent-plugin.ts";

it("of an organization without an agent has failed, and the log says why: its caller cannot mend that", async () => {
  const gateway = { listAgents: async () => ({ items: [] }) } as unknown as Gateway;
  const plugin = agentPlugin({ gateway, limits: LIMITS, openStream: () => () => undefined, soldAgentId: null });
  const call = {
    caller: guestOf("o", "guest"),
    isGuest: true,
    body: { message: "Hi" },
    requestId: "r",
    signal: new AbortController().signal,
  };
  await expect(plugin.prepare(call)).rejects.toMatchObject({ code: "plugin_failed", detail: "the organization has no agent" });
});
