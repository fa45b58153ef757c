import type { ErrorCode, GatewayError } from "@parley/contracts";
import type { PaymentProblem } from "./chain-payments.ts";

const BASE = "https://paymentauth.org/problems/";

const problem = (type: string, title: string, detail: string, status = 402): PaymentProblem => ({
  ...{ type: `${BASE}${type}`, title, status, detail },
});

/** What is refused before anybody is asked about the payment. */
export const PROBLEMS = {
  required: problem("payment-required", "Payment Required", "The call has to be paid for."),
  malformed: problem("malformed-credential", "Malformed Credential", "The credential cannot be read."),
  unsupported: problem("method-unsupported", "Method Unsupported", "Nobody is paid here in that way.", 400),
  mismatch: problem("invalid-challenge", "Invalid Challenge", "The challenge is not ours, or is for another call."),
  expired: problem("payment-expired", "Payment Expired", "The challenge has expired."),
  used: problem("verification-failed", "Verification Failed", "The payment has paid for another call."),
  refunded: problem("verification-failed", "Verification Failed", "What it was paid for has failed, and it is paid back."),
  noChannel: problem("session/channel-not-found", "Channel Not Found", "There is no such channel.", 410),
  endedChannel: problem("session/channel-finalized", "Channel Closed", "The channel is closed, or is being closed.", 410),
  shortChannel: problem("session/insufficient-balance", "Insufficient Balance", "The vouchers of this channel do not cover the call."),
} satisfies Record<string, PaymentProblem>;

const UNPAID: Partial<Record<ErrorCode, PaymentProblem>> = { insufficient_balance: PROBLEMS.shortChannel, voucher_failed: PROBLEMS.used };

/** What the standard calls the refusal of a call that nobody has paid for, or that its session does not pay for. */
export const unpaidProblem = ({ code, message }: GatewayError): PaymentProblem => ({
  ...(UNPAID[code] ?? PROBLEMS.required),
  detail: message,
});
