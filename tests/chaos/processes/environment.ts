import { type BrokenPart, isBrokenPart } from "./broken-build.ts";

/** What the driver tells a process of chaos at its start, besides the app's own settings. */
export const chaosEnvironment = (port: number, broken: BrokenPart | null): Record<string, string> => ({
  CHAOS_CONTROL_PORT: String(port),
  CHAOS_BROKEN: broken ?? "",
});

export function readChaosEnvironment(environment: NodeJS.ProcessEnv): { port: number; broken: BrokenPart | null } {
  const broken = environment["CHAOS_BROKEN"];
  return { port: Number(environment["CHAOS_CONTROL_PORT"]), broken: isBrokenPart(broken) ? broken : null };
}
