import { createTenant } from "@parley/testkit";

/** An organization of its own with the agents that all trials use; one trial at a time. */
export interface Slot {
  organizationId: string;
  apiKey: string;
  agents: Record<AgentName, string>;
}

/**
 * `router` hands work on, uses tools and may ask; `waker` also has a turn begun by what comes back from the background, and does not wait
 * long for people.
 */
export type AgentName = "router" | "waker";

interface SlotOptions {
  url: string;
  adminSecret: string;
  name: string;
  /** Where its tools are. */
  toolUrl: string;
}

const ORDER = { type: "object", properties: { order: { type: "string" }, how: { type: "string" } }, required: ["order"] };

export async function openSlot({ url, adminSecret, name, toolUrl }: SlotOptions): Promise<Slot> {
  const { organizationId, apiKey, newAgent } = await createTenant(url, adminSecret, name);
  const helper = await newAgent({ name: "Helper", description: "Answers at once" });
  const background = await newAgent({ name: "Background", description: "Answers later" });
  const deep = await newAgent({
    name: "Deep",
    description: "Asks the helper",
    subAgents: [{ agentId: helper as never, mode: "sync", needsApproval: false }],
  });
  const asker = await newAgent({ name: "Asker", description: "Asks the user", mayAsk: true });
  const tool = (path: string, more: { idempotent?: boolean; needsApproval?: boolean }) => ({
    ...{
      name: path,
      description: path,
      parameters: ORDER,
      url: `${toolUrl}/${path}`,
      timeoutMs: 5_000,
      idempotent: false,
      needsApproval: false,
    },
    ...more,
  });
  const config = {
    mayAsk: true,
    // A charge that is made twice is money lost; a lookup may be made as often as one likes; a payment waits for a person.
    tools: [tool("charge", {}), tool("lookup", { idempotent: true }), tool("pay", { needsApproval: true })],
    subAgents: [
      { agentId: helper as never, mode: "sync" as const, needsApproval: false },
      { agentId: background as never, mode: "async" as const, needsApproval: false },
      { agentId: deep as never, mode: "sync" as const, needsApproval: false },
      { agentId: asker as never, mode: "async" as const, needsApproval: false },
    ],
  };
  const impatient = { questionsExpireAfterSeconds: 2, approvalsExpireAfterSeconds: 2 };
  const router = await newAgent({ name: "Router", ...config });
  const waker = await newAgent({ name: "Waker", ...config, wakeOnAsyncResult: true, ...impatient });
  return { organizationId, apiKey, agents: { router, waker } };
}
