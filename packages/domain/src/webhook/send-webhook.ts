/** One try: what is sent, and by whom it is signed. */
export interface OutgoingWebhook {
  url: string;
  /** The same for each try. */
  id: string;
  /** JSON. */
  body: string;
  /** One signature for each. */
  secrets: string[];
  timeoutMs: number;
  signal: AbortSignal;
}

/** What came of it: the answer's status, or why there is none. */
export interface WebhookOutcome {
  status: number | null;
  /** `egress_refused`: the address may not be called from here; `secret_unreadable`: what proves it does not open with the keys that are here; both now and later. */
  error: "timeout" | "egress_refused" | "egress_failed" | "secret_unreadable" | null;
  /** What the endpoint asked for. */
  retryAfterMs: number | null;
}

/** Nothing was sent, and there is no use in trying again. */
export const SECRET_UNREADABLE: WebhookOutcome = { status: null, error: "secret_unreadable", retryAfterMs: null };

/** Whether another try can only end as this one did. */
export const isLost = ({ status, error }: WebhookOutcome): boolean =>
  status === 410 || error === "egress_refused" || error === "secret_unreadable";

/** Posts a signed webhook. Follows no redirect. Rejects with the signal's reason once that is aborted, and for nothing else. */
export type SendWebhook = (webhook: OutgoingWebhook) => Promise<WebhookOutcome>;
