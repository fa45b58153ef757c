/** Where a variable stands in the file. */
export interface SettingPath {
  section: string;
  key: string;
}

/** A section has the variables that begin so; the rest are the server's. Of two that fit, the longer counts. */
const SECTIONS: readonly (readonly [prefix: string, section: string])[] = [
  ["LIMIT_", "limits"],
  ["JWT_", "jwt"],
  ["TLS_", "tls"],
  ["DATABASE_", "database"],
  ["REDIS_", "redis"],
  ["EGRESS_", "egress"],
  ["MEDIA_", "media"],
  ["MODEL_", "model"],
  ["MODELS_", "models"],
];
const REST = "server";

const camelCase = (words: string): string => words.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** `LIMIT_READ_CALLS_MAX` is `limits.readCallsMax`, `CORS_ORIGINS` is `server.corsOrigins`. */
export function pathOf(name: string): SettingPath {
  const found = SECTIONS.find(([prefix]) => name.startsWith(prefix));
  if (!found) return { section: REST, key: camelCase(name) };
  const [prefix, section] = found;
  return { section, key: camelCase(name.slice(prefix.length)) };
}

export const pathText = ({ section, key }: SettingPath): string => `${section}.${key}`;
