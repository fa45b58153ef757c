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
  /** `egress_refused`: the address may not be called from here, now and later. */
  error: "timeout" | "egress_refused" | "egress_failed" | null;
  /** What the endpoint asked for. */
  retryAfterMs: number | null;
}

/** Posts a signed webhook. Follows no redirect. Rejects with the signal's reason once that is aborted, and for nothing else. */
export type SendWebhook = (webhook: OutgoingWebhook) => Promise<WebhookOutcome>;
