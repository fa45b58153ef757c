import { ERRORS, type ErrorCode, type GatewayError } from "@parley/contracts";

interface ErrorRow {
  code: number;
  /** Of the HTTP+JSON binding, as the specification's text has it. */
  http: number;
  status: string;
  /** Named to clients; null: the error is JSON-RPC's own. */
  reason: string | null;
  text: string;
}

/** The protocol's errors. */
export const A2A_ERRORS = {
  parse: { code: -32700, http: 400, status: "INVALID_ARGUMENT", reason: null, text: "The body is not JSON." },
  invalidRequest: { code: -32600, http: 400, status: "INVALID_ARGUMENT", reason: null, text: "The body is no request of JSON-RPC 2.0." },
  methodNotFound: { code: -32601, http: 404, status: "NOT_FOUND", reason: null, text: "There is no such method." },
  invalidParams: { code: -32602, http: 400, status: "INVALID_ARGUMENT", reason: null, text: "The parameters do not fit the method." },
  internal: { code: -32603, http: 500, status: "INTERNAL", reason: null, text: "Something went wrong on our side." },
  taskNotFound: { code: -32001, http: 404, status: "NOT_FOUND", reason: "TASK_NOT_FOUND", text: "There is no such task." },
  taskNotCancelable: {
    code: -32002,
    http: 409,
    status: "FAILED_PRECONDITION",
    reason: "TASK_NOT_CANCELABLE",
    text: "The task has ended and cannot be canceled.",
  },
  unsupported: {
    code: -32004,
    http: 400,
    status: "UNIMPLEMENTED",
    reason: "UNSUPPORTED_OPERATION",
    text: "This cannot be done to the task as it is.",
  },
  contentType: {
    code: -32005,
    http: 415,
    status: "INVALID_ARGUMENT",
    reason: "CONTENT_TYPE_NOT_SUPPORTED",
    text: "The content type is not supported.",
  },
  version: {
    code: -32009,
    http: 400,
    status: "UNIMPLEMENTED",
    reason: "VERSION_NOT_SUPPORTED",
    text: "The version is not supported: it is 1.0 or 0.3.",
  },
} as const satisfies Record<string, ErrorRow>;

export type A2aErrorName = keyof typeof A2A_ERRORS;

/** A refusal in the protocol's own terms. */
export class A2aError extends Error {
  readonly kind: A2aErrorName;

  constructor(kind: A2aErrorName, text?: string) {
    super(text ?? A2A_ERRORS[kind].text);
    this.name = "A2aError";
    this.kind = kind;
  }
}

/** What the gateway refuses, where the protocol has a word for it. */
const KNOWN: Partial<Record<ErrorCode, A2aErrorName>> = {
  not_found: "taskNotFound",
  task_not_open: "unsupported",
  task_not_cancelable: "taskNotCancelable",
  unsupported_media_type: "contentType",
  invalid_input: "invalidParams",
  bad_request: "invalidParams",
  invalid_answers: "invalidParams",
  egress_refused: "invalidParams",
  internal: "internal",
};

const GRPC: Record<number, string> = {
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  409: "FAILED_PRECONDITION",
  413: "OUT_OF_RANGE",
  429: "RESOURCE_EXHAUSTED",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

/** A refusal as each binding says it. */
export interface Refusal {
  code: number;
  http: number;
  status: string;
  message: string;
  /** `google.rpc.ErrorInfo`, or nothing. */
  details: Record<string, unknown>[];
}

const info = (reason: string, domain: string): Record<string, unknown> => ({
  "@type": "type.googleapis.com/google.rpc.ErrorInfo",
  reason,
  domain,
});

const refusalOf = (kind: A2aErrorName, message: string): Refusal => {
  const { code, http, status, reason } = A2A_ERRORS[kind];
  return { code, http, status, message, details: reason === null ? [] : [info(reason, "a2a-protocol.org")] };
};

/** What the protocol has no word for keeps the gateway's own code, under a domain of its own. */
export function toRefusal(error: A2aError | GatewayError): Refusal {
  if (error instanceof A2aError) return refusalOf(error.kind, error.message);
  const known = KNOWN[error.code];
  const said = error.issues?.map(({ path, message }) => `${path.join(".")}: ${message}`).join(" ");
  if (known !== undefined) {
    const isPlain = error.code === "not_found" && error.message === ERRORS.not_found.text;
    return refusalOf(known, isPlain ? A2A_ERRORS[known].text : [error.message, said].filter(Boolean).join(" "));
  }
  const { http } = ERRORS[error.code];
  const code = http >= 500 || http === 429 ? A2A_ERRORS.internal.code : A2A_ERRORS.invalidParams.code;
  return {
    code,
    http,
    status: GRPC[http] ?? (http >= 500 ? "INTERNAL" : "FAILED_PRECONDITION"),
    message: error.message,
    details: [info(error.code.toUpperCase(), "parley")],
  };
}

/** `error` of a JSON-RPC answer. Version 0.3 knows of no details. */
export const rpcError = ({ code, message, details }: Refusal, version: "1.0" | "0.3") => ({
  code,
  message,
  ...(version === "1.0" && details.length > 0 && { data: details }),
});

/** The body of an HTTP+JSON refusal. */
export const restError = ({ code, http, status, message, details }: Refusal, version: "1.0" | "0.3") =>
  version === "0.3" ? { code, message } : { error: { code: http, status, message, details } };
