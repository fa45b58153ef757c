import type { Listed } from "@parley/contracts";
import { CURRENCY, GatewayError, newId, type Page, type PageQuery } from "@parley/contracts";
import { checkPage } from "../check-page.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import type { Caller } from "../identity/caller.ts";
import { checkOrganization } from "../identity/check-organization.ts";
import { wholeOf } from "../identity/whole-of.ts";
import type { ChargePlace } from "./billing-store.ts";
import type { BillingUseCases } from "./billing-use-cases.ts";
import { budgetSubject } from "./budget-subject.ts";
import { readPlace, writePlace } from "./list-place.ts";

/** Groups of one statement; how many more there are it says. */
const GROUPS_MAX = 1_000;
const CHARGES_PER_READ = 1_000;

/** Where what is everybody's is known again: no organization has this id. */
const NO_ORGANIZATION = "00000000-0000-0000-0000-000000000000";
/** Who repeats what the operator asks for. */
const OPERATOR = "operator";

const onlookerOf = ({ organizationId, agentIds }: Caller) => ({ organizationId, agentIds: agentIds && [...agentIds] });

async function page<Item>(
  { page, perPage }: PageQuery,
  read: (part: { offset: number; limit: number }) => Promise<Listed<Item>>,
): Promise<Page<Item>> {
  return { ...(await read({ offset: (page - 1) * perPage, limit: perPage })), page, perPage };
}

export function manageBilling(context: GatewayContext): BillingUseCases {
  const { billing, limits } = context;
  const operator = (organizationId: string) => ({ organizationId, principalId: OPERATOR });

  return {
    readAccount: async (caller) => billing.account(wholeOf(caller)),
    setBillingMode: (input, once) =>
      runOnce(context, operator(input.organizationId), once, {
        input,
        run: (bound) => bound.billing.setMode(input.organizationId, input.mode),
      }),
    grantCredits: (input, once) =>
      runOnce(context, operator(input.organizationId), once, {
        input,
        run: ({ billing: bound }) => {
          const { organizationId, amountMicros, note, reference } = input;
          return bound.credit({ organizationId, amountMicros, note, sourceType: "grant", sourceId: reference });
        },
      }),
    correctCredits: (input, once) =>
      runOnce(context, operator(input.organizationId), once, {
        input,
        run: ({ billing: bound }) => {
          const { organizationId, amountMicros, note, reference } = input;
          return bound.credit({ organizationId, amountMicros, note, sourceType: "correction", sourceId: reference });
        },
      }),
    async checkLedger(organizationId) {
      await checkOrganization(context, organizationId);
      return billing.check(organizationId);
    },
    async setPrice(input, once) {
      if (input.organizationId !== undefined) await checkOrganization(context, input.organizationId);
      return runOnce(context, operator(input.organizationId ?? NO_ORGANIZATION), once, {
        input,
        run: (bound) => bound.billing.setPrice(input, limits.pricesMax),
      });
    },

    hasRoom: ({ organizationId, principalId }) => billing.hasRoom({ organizationId, principalId }),

    async listPrices(caller, filter) {
      checkPage(filter, limits);
      const { kind, name } = filter;
      return page(filter, (part) => billing.listPrices(caller.organizationId, { kind, name, ...part }));
    },
    setBudget: (caller, input, once) =>
      runOnce(context, caller, once, {
        input,
        async run(bound) {
          const organizationId = wholeOf(caller);
          const subject = await budgetSubject(bound, organizationId, input);
          return bound.billing.setBudget(organizationId, { ...input, subject, id: newId<string>() }, limits.budgetsMax);
        },
      }),
    async deleteBudget(caller, budgetId, once) {
      await runOnce(context, caller, once, {
        input: budgetId,
        async run(bound) {
          if (!(await bound.billing.deleteBudget(wholeOf(caller), budgetId))) throw new GatewayError("not_found");
          return {};
        },
      });
    },
    async listBudgets(caller, query) {
      checkPage(query, limits);
      return page(query, (part) => billing.listBudgets(wholeOf(caller), part));
    },
    async readStatement(caller, query) {
      return { currency: CURRENCY, ...(await billing.statement(onlookerOf(caller), { ...query, limit: GROUPS_MAX })) };
    },
    async listCharges(caller, { after, ...query }) {
      const { items, next } = await billing.charges(onlookerOf(caller), { ...query, after: after === undefined ? null : readPlace(after) });
      return { currency: CURRENCY, items, next: next && writePlace(next) };
    },
    async listPayments(caller, { after, ...query }) {
      const { items, next } = await billing.payments(wholeOf(caller), { ...query, after: after === undefined ? null : readPlace(after) });
      return { currency: CURRENCY, items, next: next && writePlace(next) };
    },
    async *readCharges(caller, query) {
      let after: ChargePlace | null = null;
      do {
        const read: Awaited<ReturnType<typeof billing.charges>> = await billing.charges(onlookerOf(caller), {
          ...query,
          ...{ after, limit: CHARGES_PER_READ },
        });
        if (read.items.length > 0) yield read.items;
        after = read.next;
      } while (after !== null);
    },
    async listEntries(caller, filter) {
      checkPage(filter, limits);
      const { page: _, perPage: __, ...chosen } = filter;
      return page(filter, (part) => billing.entries(wholeOf(caller), { ...chosen, ...part }));
    },
  };
}
