import type { Log } from "@parley/domain";

/** Says nothing, but keeps what was warned about or went wrong. */
export function quietLog(): Log & { complaints: string[] } {
  const complaints: string[] = [];
  const complain = (_: unknown, message: string) => void complaints.push(message);
  const log = {
    complaints,
    debug: () => undefined,
    info: () => undefined,
    warn: complain,
    error: complain,
    child: () => log,
  };
  return log;
}
