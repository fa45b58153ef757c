/** Where a process dies of itself, as `DIE_AT` says: before or after the first call of one of its ports, as from `kill -9`. */
type Calls = object;

const [port = "", phase = ""] = (process.env["DIE_AT"] ?? "").split(" ");

const die = (): void => void process.kill(process.pid, "SIGKILL");

/** The same port, one of whose calls is deadly. */
export function dying<Port extends Calls | null>(calls: Port): Port {
  if (calls === null || !(port in calls)) return calls;
  const call = (calls as Record<string, unknown>)[port] as (...given: unknown[]) => Promise<unknown>;
  return {
    ...calls,
    async [port](...given: unknown[]) {
      if (phase === "before") die();
      const answer = await call(...given);
      if (phase === "after") die();
      return answer;
    },
  };
}
