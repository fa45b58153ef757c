/** The limits that share a gateway out among callers. */
const SHARED = ["LIMIT_READ_CALLS_MAX", "LIMIT_WRITE_CALLS_MAX", "LIMIT_TURN_CALLS_MAX", "LIMIT_STREAM_CALLS_MAX"] as const;
const FAR = "1000000";

const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || host.startsWith("127.");

/**
 * On an address that only this machine reaches nobody has to be protected from anybody: what is not set is far away there. A configuration
 * file counts for less than the environment, so that whoever has one is left to set them in it.
 */
export const farLimits = (host: string, environment: NodeJS.ProcessEnv): Record<string, string> =>
  isLoopback(host) && !environment["CONFIG_FILE"] ? Object.fromEntries(SHARED.map((name) => [name, environment[name] || FAR])) : {};
