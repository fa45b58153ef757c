type Result = { ok: true; data: unknown } | { ok: false };

interface Open {
  /** Counts the stream out; may be called twice. */
  close(): void;
  leaving: AbortSignal;
}

const isIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value;

async function* until(items: AsyncIterable<unknown>, end: () => void): AsyncGenerator<unknown, void> {
  try {
    yield* items;
  } finally {
    end();
  }
}

/**
 * A procedure's answer that counts as open until it is over: a value once it is there, a subscription with its last
 * item, and either when the caller leaves.
 */
export async function countStream<Of extends Result>(proceed: () => Promise<Of>, { close, leaving }: Open): Promise<Of> {
  const end = (): void => {
    leaving.removeEventListener("abort", end);
    close();
  };
  leaving.addEventListener("abort", end);
  if (leaving.aborted) end();
  let goesOn = false;
  try {
    const result = await proceed();
    if (!result.ok || !isIterable(result.data)) return result;
    goesOn = true;
    return { ...result, data: until(result.data, end) };
  } finally {
    if (!goesOn) end();
  }
}
