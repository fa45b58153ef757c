const SECRET = /(SECRETS?|PASSWORD|TOKEN|SEED|_KEY|_KEYS|CREDENTIALS?)(_|$)/;
const IN_ADDRESS = /(\/\/[^/@\s:]*:)[^/@\s]*@/g;

export const REDACTED = "[REDACTED]";

/** Whether a variable is a secret, by its name. `TLS_KEY_FILE` is the place of one. */
export const isSecretName = (name: string): boolean => SECRET.test(name) && !name.endsWith("_FILE");

/** A value that may be shown: no secret, and no password in an address. */
export function redactSetting(name: string, value: unknown): unknown {
  if (value === undefined || value === null) return value;
  if (isSecretName(name)) return REDACTED;
  if (value instanceof Map) return Object.fromEntries(value);
  return typeof value === "string" ? value.replace(IN_ADDRESS, `$1${REDACTED}@`) : value;
}
