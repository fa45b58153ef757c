import { at, createRestClient, createTenant, type RestClient } from "@parley/testkit";
import { CREDIT_MICROS, INPUT_PICO, OUTPUT_PICO, PEER_MICROS } from "./prices.ts";

/** An organization of its own, which pays first, with the agents that all trials use; one trial at a time. */
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
  /** Where its tools and its peers are. */
  toolUrl: string;
  peerUrl: string;
  clawUrl: string;
}

/** What never ends by itself is given up after so long. */
const PEER_MS = 2_500;
const ORDER = { type: "object", properties: { order: { type: "string" }, how: { type: "string" } }, required: ["order"] };

export async function openSlot({ url, adminSecret, name, toolUrl, peerUrl, clawUrl }: SlotOptions): Promise<Slot> {
  const { organizationId, apiKey, newAgent } = await createTenant(url, adminSecret, name);
  await charge(createRestClient(url, null), adminSecret, organizationId);
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
  const rest = createRestClient(url, apiKey);
  const peer = async (called: string, where: { endpoint: string; protocol?: string } = { endpoint: peerUrl }): Promise<string> => {
    const body = { name: called, ...where, skills: [{ id: "do" }], timeoutMs: PEER_MS, priceMicros: PEER_MICROS };
    return String(at((await rest.call("/trpc/peer.create", { body })).body, "result", "data", "id"));
  };
  const [courier, errand] = [await peer("courier"), await peer("errand")];
  const openclaw = { endpoint: clawUrl, protocol: "openclaw" };
  const [claw, clerk] = [await peer("claw", openclaw), await peer("clerk", openclaw)];
  const config = {
    mayAsk: true,
    // A charge that is made twice is money lost; a lookup may be made as often as one likes; a payment waits for a person.
    tools: [tool("charge", {}), tool("lookup", { idempotent: true }), tool("pay", { needsApproval: true })],
    peers: [
      { peerId: courier, mode: "sync" as const },
      { peerId: errand, mode: "async" as const },
      { peerId: claw, mode: "sync" as const },
      { peerId: clerk, mode: "async" as const },
    ],
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

/** Nothing is used without being held for and charged. */
async function charge(operator: RestClient, adminSecret: string, organizationId: string): Promise<void> {
  const order = async (path: string, facts: object): Promise<void> => {
    const body = { organization_id: organizationId, ...facts };
    const { status, text } = await operator.call(`/admin/billing/${path}`, { body, headers: { "x-admin-secret": adminSecret } });
    if (status >= 300) throw new Error(`${path} were answered ${status}: ${text}`);
  };
  await order("prices", { kind: "model", name: "custom/scripted", input_pico: INPUT_PICO, output_pico: OUTPUT_PICO });
  await order("credits", { amount_micros: CREDIT_MICROS, reference: "chaos" });
  await order("mode", { mode: "prepaid" });
}
