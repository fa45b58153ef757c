import { StartFailure } from "../services/start-failure.ts";

/** The one line about a server that the environment names: which variable, where, why. The place has no password in it. */
export function notUsable({ what, place, names, error }: { what: string; place: string; names: string; error: unknown }): StartFailure {
  return new StartFailure(`${what} cannot be used on ${place}, named by ${names}: ${reasonOf(error)}`);
}

/** A name with several addresses fails with one error for each, and has no words of its own. */
function reasonOf(error: unknown): string {
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  return first instanceof Error ? first.message : String(first);
}
