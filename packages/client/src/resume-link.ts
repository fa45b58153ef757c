import type { AppRouter } from "@parley/router";
import type { Operation, TRPCClientError, TRPCLink } from "@trpc/client";
import { observable } from "@trpc/server/observable";

interface ResumeOptions {
  /** Whether to come back after this failure, the nth since something last came. */
  mayResume(error: TRPCClientError<AppRouter>, failures: number): Promise<boolean>;
  /** Told when a subscription is about to come back, with the reason, and with null when it is there. */
  onChange(error: TRPCClientError<AppRouter> | null): void;
}

const FIRST_DELAY_MS = 250;
const DELAY_MAX_MS = 10_000;

/** Grows with each failure; spread, so that the clients of a restarted gateway do not all come at once. */
const delayMs = (failures: number): number => Math.min(FIRST_DELAY_MS * 2 ** (failures - 1), DELAY_MAX_MS) * (0.5 + Math.random() / 2);

const after = (op: Operation, lastEventId: string | null): Operation =>
  lastEventId === null ? op : { ...op, input: { ...(op.input as object), lastEventId } };

/** What comes back sends its call again: under one key, it acts once. Streams that only read know nothing of it. */
const underOneKey = (op: Operation): Operation => ({ ...op, input: { idempotencyKey: crypto.randomUUID(), ...(op.input as object) } });

/**
 * Brings subscriptions back after a cut, from the last item that was seen: none is missed and none comes twice, and what the first call
 * changed is changed once.
 */
export const resumeLink =
  ({ mayResume, onChange }: ResumeOptions): TRPCLink<AppRouter> =>
  () =>
  ({ op: given, next }) => {
    if (given.type !== "subscription") return next(given);
    const op = underOneKey(given);
    return observable((observer) => {
      let lastEventId: string | null = null;
      let failures = 0;
      let isOver = false;
      let timer: ReturnType<typeof setTimeout> | undefined;
      let current: { unsubscribe(): void } | undefined;

      async function comeBack(error: TRPCClientError<AppRouter>): Promise<void> {
        failures++;
        const willResume = !op.signal?.aborted && (await mayResume(error, failures));
        if (isOver) return;
        if (!willResume) return observer.error(error);
        onChange(error);
        timer = setTimeout(connect, delayMs(failures));
      }

      function connect(): void {
        current = next(after(op, lastEventId)).subscribe({
          next(envelope) {
            const { result } = envelope;
            if (result.type === "started") onChange(null);
            if (result.type === "data" || result.type === undefined) {
              failures = 0;
              lastEventId = result.id === undefined ? lastEventId : String(result.id);
            }
            observer.next(envelope);
          },
          error: (error) => void comeBack(error),
          complete: () => observer.complete(),
        });
      }

      connect();
      return () => {
        isOver = true;
        clearTimeout(timer);
        current?.unsubscribe();
      };
    });
  };
