import type { PaymentProblem } from "@parley/domain";
import type { Errors } from "mppx";

/** A refusal of the payment standard's, as it is told. */
export function problemOf(error: Errors.PaymentError): PaymentProblem {
  const { type, title, detail, status } = error.toProblemDetails();
  return { type, title, status: status ?? 402, detail };
}
