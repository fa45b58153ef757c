/** What a prompt has in place of the oldest turns of its branch. */
export interface HistorySummary {
  throughTurn: number;
  /** Something in it was said by a tool, a peer or a page. */
  tainted: boolean;
  /** Oldest first, without a gap. */
  parts: { fromTurn: number; throughTurn: number; text: string }[];
}
