/** Edge i leads from state from[i] to state to[i]. */
export interface Edges {
  from: number[];
  to: number[];
}

/**
 * The nearest state from which no edges lead to any goal, or null. Of those that there are, rather one that has no edges at all:
 * there it is plain to see what is missing.
 */
export function deadEnd(goals: number[], { from, to }: Edges, count: number): number | null {
  // The edges turned round: the sources of state i stand from starts[i] to starts[i + 1].
  const starts = new Uint32Array(count + 2);
  for (const target of to) starts[target + 2] = (starts[target + 2] ?? 0) + 1;
  for (let index = 2; index < starts.length; index += 1) starts[index] = (starts[index] ?? 0) + (starts[index - 1] ?? 0);
  const sources = new Uint32Array(to.length);
  for (const [edge, target] of to.entries()) {
    const place = starts[target + 1] ?? 0;
    sources[place] = from[edge] ?? 0;
    starts[target + 1] = place + 1;
  }
  const reaches = new Uint8Array(count);
  const open = [...goals];
  for (const goal of goals) reaches[goal] = 1;
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    for (const source of sources.subarray(starts[state], starts[state + 1])) {
      if (reaches[source] === 1) continue;
      reaches[source] = 1;
      open.push(source);
    }
  }
  const first = reaches.indexOf(0);
  if (first === -1) return null;
  const goesOn = new Uint8Array(count);
  for (const source of from) goesOn[source] = 1;
  const end = reaches.findIndex((reached, state) => reached === 0 && goesOn[state] === 0);
  return end === -1 ? first : end;
}
