import { type Charge, LIMITS, type OrganizationId } from "@parley/contracts";
import { expect, it } from "vitest";
import type { GatewayContext } from "../gateway-ports.ts";
import type { BillingStore } from "./billing-store.ts";
import { manageBilling } from "./manage-billing.ts";

const caller = { organizationId: "o", principalId: "key_one", scopes: new Set<never>(), agentIds: null };
const limited = { ...caller, agentIds: new Set(["agent_one"]) };

const over = (billing: Partial<Record<keyof BillingStore, (...asked: never[]) => unknown>>) =>
  manageBilling({ billing, limits: LIMITS } as unknown as GatewayContext);

it("tells every charge, however many there are, each part behind the last one of the part before", async () => {
  const all = Array.from({ length: 2_000 }, (_, index) => ({ at: "t", sourceId: String(index) }) as Charge);
  const asked: unknown[] = [];
  const { readCharges } = over({
    async charges(_onlooker: object, { after, limit }: { after: { sourceId: string } | null; limit: number }) {
      asked.push(after);
      const from = after === null ? 0 : Number(after.sourceId) + 1;
      const items = all.slice(from, from + limit);
      const last = items.at(-1);
      return { items, next: from + limit < all.length && last !== undefined ? { at: last.at, sourceId: last.sourceId } : null };
    },
  });
  const told: Charge[] = [];
  for await (const some of readCharges(caller, {})) told.push(...some);
  expect(told).toEqual(all);
  expect(asked).toEqual([null, { at: "t", sourceId: "999" }]);
});

it("a key for some agents sees what these have used, and has no part in what is the organization's alone", async () => {
  const seen: unknown[] = [];
  const note = async (onlooker: unknown) => {
    seen.push(onlooker);
    return { items: [], next: null };
  };
  const billing = over({ statement: note, charges: note });
  for (const one of [caller, limited]) {
    await billing.readStatement(one, {} as never);
    for await (const _ of billing.readCharges(one, {})) expect(_).toEqual([]);
  }
  const [whole, part] = [
    { organizationId: "o", agentIds: null },
    { organizationId: "o", agentIds: ["agent_one"] },
  ];
  expect(seen).toEqual([whole, whole, part, part]);
  const page = { page: 1, perPage: 10 };
  const refused = { code: "missing_scope" };
  await expect(billing.listBudgets(limited, page)).rejects.toMatchObject(refused);
  await expect(billing.listEntries(limited, { ...page, account: undefined } as never)).rejects.toMatchObject(refused);
});

it("sets no price of an organization that is not there, and shows no books of it", async () => {
  const asked: string[] = [];
  const organizations = { exists: async (id: string) => id === "o" };
  const billing = {
    check: async (id: string) => asked.push(id),
    setPrice: async ({ organizationId }: { organizationId?: string }) => asked.push(String(organizationId)),
  };
  const { checkLedger, setPrice } = manageBilling({ billing, organizations, limits: LIMITS } as unknown as GatewayContext);
  const price = { kind: "model", name: "a/b", inputPico: 1, withdrawn: false } as const;
  const priceOf = (organizationId: string) => ({ ...price, organizationId: organizationId as OrganizationId });
  const missing = { code: "not_found" };
  await expect(checkLedger("unknown")).rejects.toMatchObject(missing);
  await expect(setPrice(priceOf("unknown"))).rejects.toMatchObject(missing);
  await checkLedger("o");
  await setPrice(priceOf("o"));
  await setPrice(price);
  expect(asked).toEqual(["o", "o", "undefined"]);
});
