import type { Limits } from "@parley/contracts";
import type { MeteredEmbedding } from "../billing/meter-embedding.ts";
import type { UsageNotes } from "../billing/usage-notes.ts";
import type { UsageStore } from "../billing/usage-store.ts";
import type { Log } from "../logger.ts";
import type { MemoryStore } from "./memory-store.ts";

export interface MemoryPorts {
  memories: MemoryStore;
  usage: UsageStore;
  notes: UsageNotes;
  embed: MeteredEmbedding;
  log: Log;
  limits: Limits;
}
