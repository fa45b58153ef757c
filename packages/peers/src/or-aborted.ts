/** The answer, or once aborted the signal's reason; the answer is then nobody's, also where it is a failure. */
export function orAborted<Answer>(answer: Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  const stop = Promise.withResolvers<never>();
  const onAbort = (): void => stop.reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  answer.catch(() => {});
  return Promise.race([answer, stop.promise]).finally(() => signal.removeEventListener("abort", onAbort));
}
