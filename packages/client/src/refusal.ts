import { TRPCClientError } from "@trpc/client";
import type { ErrorData } from "./routes.ts";

/** What the gateway said no with. Branch on `code`; `retry` says whether the same call may succeed later. */
export interface Refusal extends ErrorData {
  message: string;
}

/** What an error of a call or a subscription says, or null where it is none of the gateway's: the network, an abort. */
export function refusalOf(error: unknown): Refusal | null {
  if (!(error instanceof TRPCClientError)) return null;
  const data: unknown = error.data;
  return isErrorData(data) ? { ...data, message: error.message } : null;
}

const isErrorData = (data: unknown): data is ErrorData =>
  typeof data === "object" && data !== null && "code" in data && "retry" in data && typeof data.retry === "boolean";
