import { GatewayError, type SetBudget, userName } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";

/** Callers without a key, as charges name them: who shows a token or a certificate, the gateway's own key, and who buys without any. */
const KEYLESS = /^(?:gateway-key|development|guest|(?:sub|certificate|payer|wallet):.+)$/s;

type Known = Pick<GatewayContext, "keys" | "hooks">;

async function isCaller({ keys, hooks }: Known, organizationId: string, subject: string): Promise<boolean> {
  if (KEYLESS.test(subject)) return true;
  if (subject.startsWith("hook_")) return (await hooks.find(organizationId, subject)) !== null;
  return (await keys.find(organizationId, subject)) !== null;
}

/**
 * Whom a budget is for, as charges name them: an agent's is its id as it is kept, a user's what calls for that user are known by. Throws `invalid_input` for
 * a key or hook that the organization does not have, or that is revoked: such a budget would bind nobody.
 */
export async function budgetSubject(known: Known, organizationId: string, { scope, subject }: SetBudget): Promise<string> {
  if (scope === "agent") return subject.toLowerCase();
  if (scope === "key" && !(await isCaller(known, organizationId, subject))) {
    throw new GatewayError("invalid_input", {
      issues: [{ path: ["subject"], code: "custom", message: "A key is named by its id, and is one of the organization's." }],
    });
  }
  if (scope !== "user") return subject;
  const name = userName(subject);
  if (name === null) throw new GatewayError("invalid_input", { text: "A user is named." });
  return name;
}
