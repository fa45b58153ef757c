/**
 * Measures each subject once per round, all of them in every round, so that a slow spell of the machine meets everyone.
 * The first round warms up and is thrown away. Answers each subject's results by name, one per round.
 */
export async function interleave<Subject extends { name: string }, Result>(
  subjects: readonly Subject[],
  rounds: number,
  measure: (subject: Subject) => Promise<Result>,
): Promise<Map<string, Result[]>> {
  const results = new Map<string, Result[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const subject of subjects) {
      const result = await measure(subject);
      if (round > 0) results.get(subject.name)?.push(result);
    }
  }
  return results;
}

export const mapValues = <From, To>(map: ReadonlyMap<string, From>, change: (value: From, name: string) => To): Map<string, To> =>
  new Map([...map].map(([name, value]) => [name, change(value, name)]));
