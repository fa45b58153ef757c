import { createTenant } from "@parley/testkit";

/** An organization of its own with the agents that all trials use; one trial at a time. */
export interface Slot {
  organizationId: string;
  apiKey: string;
  agents: Record<AgentName, string>;
}

/** `router` hands work on and may ask; `waker` also has a turn begun by what comes back from the background. */
export type AgentName = "router" | "waker";

interface SlotOptions {
  url: string;
  adminSecret: string;
  name: string;
}

export async function openSlot({ url, adminSecret, name }: SlotOptions): Promise<Slot> {
  const { organizationId, apiKey, newAgent } = await createTenant(url, adminSecret, name);
  const helper = await newAgent({ name: "Helper", description: "Answers at once" });
  const background = await newAgent({ name: "Background", description: "Answers later" });
  const deep = await newAgent({ name: "Deep", description: "Asks the helper", subAgents: [{ agentId: helper as never, mode: "sync" }] });
  const config = {
    mayAsk: true,
    subAgents: [
      { agentId: helper as never, mode: "sync" as const },
      { agentId: background as never, mode: "async" as const },
      { agentId: deep as never, mode: "sync" as const },
    ],
  };
  const router = await newAgent({ name: "Router", ...config });
  const waker = await newAgent({ name: "Waker", ...config, wakeOnAsyncResult: true });
  return { organizationId, apiKey, agents: { router, waker } };
}
