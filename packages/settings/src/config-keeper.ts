import type { HistoryEntry } from "./history.ts";

/** A setting with what it was and is; secrets hidden. */
export interface ChangedSetting {
  name: string;
  /** `section.key`. */
  path: string;
  before: unknown;
  after: unknown;
  /** `restart`: the processes go on with the old value until they are started anew. */
  takesEffect: "now" | "restart";
}

/** What is told when the configuration has changed, in this process or on disk. */
export interface ConfigPatched {
  /** The entry of the history; null where the file was changed by hand. */
  id: string | null;
  by: string;
  changes: ChangedSetting[];
}

export interface ShownConfig {
  /** By section and key, as it holds now; secrets hidden. */
  config: Record<string, Record<string, unknown>>;
  sections: string[];
  /** Where the file says something that a process takes up only at its next start. */
  restartNeeded: string[];
}

export interface PatchConfig {
  section: string;
  key: string;
  /** Null takes it out of the file. */
  value: unknown;
  by: string;
  summary?: string | undefined;
}

/**
 * The configuration as an operator sees and changes it. It is the whole installation's, so that a door opens it to operators only. Wrong values
 * are `invalid_input` with the whole list, and nothing is written then.
 */
export interface ConfigKeeper {
  /** `not_found` for an unknown section. */
  get(section?: string): ShownConfig;
  /** JSON Schema of the file, or of one section. */
  schema(section?: string): object;
  /** Changes one setting in the file. Refused for what only the file's owner may change, and for what the environment sets. */
  patch(change: PatchConfig): Promise<ConfigPatched>;
  /** Newest first. */
  history(options: { limit: number; section?: string | undefined }): Promise<HistoryEntry[]>;
  /** From the file of then to that of now. */
  diff(id: string): Promise<ChangedSetting[]>;
  /** Makes the file what it was after that change; another entry of the history. */
  rollback(id: string, by: string): Promise<ConfigPatched>;
  /** Reads the file again. A file that is wrong is told to the log, and what held goes on. */
  reload(): Promise<void>;
  /** Returns what takes the listener away. */
  onPatched(listener: (patched: ConfigPatched) => void): () => void;
  close(): void;
}
