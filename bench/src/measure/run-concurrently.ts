/** Runs `task` `total` times, at most `concurrency` at once; answers how many ended per second. The first failure rejects. */
export async function runConcurrently(total: number, concurrency: number, task: (index: number) => Promise<void>): Promise<number> {
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < total; index = next++) await task(index);
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: concurrency }, lane));
  return total / ((performance.now() - startedAt) / 1000);
}
