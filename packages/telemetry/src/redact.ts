const HIDDEN = "[hidden]";

/** Names of fields that hold a secret, compared without case and punctuation: `x-api-key`, `apiKey` and `API_KEY` are one. */
const SECRET_NAMES = /(?:authorization|apikey|password|passphrase|secret|token|cookie|credential|credentials|ticket|privatekey)$/;

/** Secrets that give themselves away wherever they stand: our keys, providers' keys, bearer tokens, passwords in addresses. */
const SECRET_TEXTS: readonly [RegExp, string][] = [
  [/\bagw_[\w-]{6,}/g, `agw_${HIDDEN}`],
  [/\bsk-[\w-]{8,}/g, `sk-${HIDDEN}`],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${HIDDEN}`],
  [/(\w:\/\/)[^\s/@:"\\]*:[^\s/@"\\]+@/g, `$1${HIDDEN}@`],
  [/([?&](?:ticket|token|api_?key|key|secret|signature)=)[^&\s"\\]+/gi, `$1${HIDDEN}`],
];

/** Deeper than this, and beyond this many entries, a value says nothing more to a reader of the log. */
const DEPTH_MAX = 6;
const ENTRIES_MAX = 100;

/** A copy fit for the log: secret fields hidden, errors spelled out, cycles and endless structures cut. */
export function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  return copy(fields, 0) as Record<string, unknown>;
}

/** Hides what looks like a secret in a finished line. Only ever replaces inside JSON strings, so the line stays JSON. */
export function redactText(text: string): string {
  let clean = text;
  for (const [pattern, replacement] of SECRET_TEXTS) clean = clean.replace(pattern, replacement);
  return clean;
}

function copy(value: unknown, depth: number): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (depth >= DEPTH_MAX) return "[deep]";
  if (value instanceof Error) return copyError(value, depth);
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, ENTRIES_MAX).map((entry) => copy(entry, depth + 1));
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const copied: Record<string, unknown> = {};
  for (const [name, entry] of entries.slice(0, ENTRIES_MAX))
    copied[String(name)] = isSecret(String(name)) ? HIDDEN : copy(entry, depth + 1);
  return copied;
}

/** An error's own fields are left out, apart from the codes: libraries hang whole requests, headers included, on them. */
function copyError(error: Error, depth: number): Record<string, unknown> {
  const { code, detail } = error as { code?: unknown; detail?: unknown };
  return {
    name: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    ...(typeof detail === "string" ? { detail } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: copy(error.cause, depth + 1) }),
  };
}

const isSecret = (name: string): boolean => SECRET_NAMES.test(name.replace(/[^A-Za-z]/g, "").toLowerCase());
