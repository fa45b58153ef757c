/** What is seen of the requests of one call, whatever the SDK makes of their answers. */
export interface Exchange {
  /** Left of what may be read. */
  bytesLeft: number;
  /** Why the peer refused the last request. `code` is its own, or the HTTP `status`. */
  refusal: { code: number; status: number; message: string } | null;
}

/** The protocol's codes. */
export const PARSE_ERROR = -32_700;
export const INVALID_PARAMS = -32_602;
export const TASK_NOT_FOUND = -32_001;
export const TASK_NOT_CANCELABLE = -32_002;
