/** What the scripted model has done so far, as `GET /count` tells it. */
export interface UpstreamCount {
  requests: number;
  tokens: number;
  /** Requests under way. */
  open: number;
  /** When last the socket of an unfinished answer was closed, ms since 1970; 0 for never. */
  lastLeftAtMs: number;
}

export async function readUpstreamCount(upstreamUrl: string): Promise<UpstreamCount> {
  const response = await fetch(`${upstreamUrl}/count`);
  return (await response.json()) as UpstreamCount;
}
