/**
 * Joins calls that are made while earlier ones are on their way: a lone call goes at once, a crowd shares commits.
 * At most `lanesMax` batches are in flight, each of at most `sizeMax` items. `send` answers one result per item, in order.
 */
export function createBatcher<Item, Result>(
  send: (items: Item[]) => Promise<Result[]>,
  { lanesMax, sizeMax }: { lanesMax: number; sizeMax: number },
): (item: Item) => Promise<Result> {
  const waiting: { item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void }[] = [];
  let lanes = 0;

  const run = async () => {
    lanes++;
    for (let batch = waiting.splice(0, sizeMax); batch.length > 0; batch = waiting.splice(0, sizeMax)) {
      try {
        const results = await send(batch.map(({ item }) => item));
        for (const [index, { resolve, reject }] of batch.entries()) {
          const result = results[index];
          if (result === undefined) reject(new Error("A batch answered too few results."));
          else resolve(result);
        }
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    lanes--;
  };

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (lanes < lanesMax) void run();
    });
}
