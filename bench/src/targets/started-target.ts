import { fileURLToPath } from "node:url";
import type { Target } from "../harness/target.ts";

export interface StartedTarget {
  target: Target;
  stop(): Promise<void>;
}

/** What a target may use; all on loopback, all ended by the harness. */
export interface Services {
  /** Without `/v1`. */
  upstreamUrl: string;
  /** Without a database number. */
  redisUrl: string;
  /** Makes an empty database; answers its owner's connection string. */
  newDatabase(name: string): Promise<string>;
}

/** The path of a program of this package, by its path below `src`. */
export const programPath = (file: string): string => fileURLToPath(new URL(`../${file}`, import.meta.url));
