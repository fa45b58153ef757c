/** What the engine has to tell whoever measures. */
export interface EngineMetrics {
  turnEnded(fields: { end: "completed" | "failed" | "error" | "stopped"; reason: string | null }): void;
  /** From the turn's creation to the first token of its answer. */
  firstToken(fields: { durationMs: number }): void;
  /** A turn whose worker was gone was taken over. */
  leaseTakenOver(): void;
}
