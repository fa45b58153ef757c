import {
  budgetPeriod,
  budgetScope,
  chargesInput,
  correctionInput,
  creditInput,
  listChargesInput,
  listEntriesInput,
  listPaymentsInput,
  listPricesInput,
  organizationId,
  payBackInput,
  setBudgetInput,
  setModeInput,
  setPriceInput,
  statementInput,
} from "@parley/contracts";
import { z } from "zod";

/** What these routes read, under the names that they have there. */

const { page, perPage } = listPricesInput.shape;
const paged = { page, per_page: perPage };
export const pageQuery = z.strictObject(paged);
export const pricesQuery = z.strictObject({ ...paged, kind: listPricesInput.shape.kind, name: listPricesInput.shape.name });
const { page: _page, perPage: _perPage, sourceType, sourceId, transactionId, ...entries } = listEntriesInput.shape;
export const entriesQuery = z.strictObject({
  ...{ ...paged, ...entries },
  ...{ source_type: sourceType, source_id: sourceId, transaction_id: transactionId },
});
export const paymentsQuery = listPaymentsInput;
export const statementQuery = statementInput;
const { transactionId: transaction, ...chosen } = chargesInput.shape;
const ofCharges = { ...chosen, transaction_id: transaction };
/** Of the export, which has no parts. */
export const exportQuery = z.strictObject(ofCharges);
export const chargesQuery = z.strictObject({ ...ofCharges, after: listChargesInput.shape.after, limit: listChargesInput.shape.limit });

const budget = setBudgetInput.shape;
export const budgetBody = z.strictObject({
  scope: budgetScope,
  subject: budget.subject,
  period: budgetPeriod,
  limit_micros: budget.limitMicros,
  alert_percent: budget.alertPercent,
  hard: budget.hard,
});

const credit = creditInput.shape;
/** The operator's bodies take no field that they do not know: a misspelled rate would be a price of 0. */
export const creditBody = z.strictObject({
  organization_id: organizationId,
  amount_micros: credit.amountMicros,
  reference: credit.reference,
  note: credit.note,
});
export const correctionBody = creditBody.extend({ amount_micros: correctionInput.shape.amountMicros });
const payBack = payBackInput.shape;
export const payBackBody = z.strictObject({ organization_id: organizationId, payment: payBack.payment, reference: payBack.reference });
export const modeBody = z.strictObject({ organization_id: organizationId, mode: setModeInput.shape.mode });

const price = setPriceInput.shape;
export const priceBody = z.strictObject({
  organization_id: organizationId.optional(),
  kind: price.kind,
  name: price.name,
  input_pico: price.inputPico,
  output_pico: price.outputPico,
  cached_pico: price.cachedPico,
  reasoning_pico: price.reasoningPico,
  audio_pico: price.audioPico,
  image_pico: price.imagePico,
  unit_pico: price.unitPico,
  withdrawn: price.withdrawn,
  effective_from: price.effectiveFrom,
});

/** The body's fields by the names of `setPriceInput`, which says what goes together. */
export const priceOf = (body: z.infer<typeof priceBody>) => ({
  ...{
    organizationId: body.organization_id,
    kind: body.kind,
    name: body.name,
    withdrawn: body.withdrawn,
    effectiveFrom: body.effective_from,
  },
  ...{ inputPico: body.input_pico, outputPico: body.output_pico, cachedPico: body.cached_pico, reasoningPico: body.reasoning_pico },
  ...{ audioPico: body.audio_pico, imagePico: body.image_pico, unitPico: body.unit_pico },
});

/** A row with its members' names as they are on the wire: `amountMicros` is `amount_micros`. Values stay as they are. */
export const onWire = (row: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]));
