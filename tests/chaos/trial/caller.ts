import { setTimeout as sleep } from "node:timers/promises";
import { at, createRestClient } from "@parley/testkit";
import type { Member } from "../arena/member.ts";

/** What became of a call. `unknown`: nobody can say whether the gateway did it. */
export type Outcome = { kind: "done"; data: unknown } | { kind: "refused"; code: string } | { kind: "unknown" };

export interface Caller {
  /** Calls a procedure on any replica. With `again` it may be made any number of times, and is, until there is an answer. */
  call(procedure: string, input: object, options?: { again?: boolean }): Promise<Outcome>;
  /** Asks a query; tried until there is an answer. */
  read(procedure: string, input: object): Promise<Outcome>;
}

/** Longer than any process of an arena sleeps. */
const ANSWER_MS = 10_000;
const PATIENCE_MS = 60_000;
const PAUSE_MS = 100;

/** A client as they are: it tries the next replica when one does not answer. */
export function createCaller(apis: readonly Pick<Member, "url" | "isUp">[], apiKey: string): Caller {
  let next = 0;

  async function once(path: string, body?: object): Promise<Outcome> {
    const up = apis.filter((api) => api.isUp());
    const api = up[next++ % up.length];
    if (api === undefined) return { kind: "unknown" };
    try {
      const answer = await createRestClient(api.url, apiKey).call(path, { body, signal: AbortSignal.timeout(ANSWER_MS) });
      if (answer.status < 300) return { kind: "done", data: at(answer.body, "result", "data") };
      if (answer.status >= 500) return { kind: "unknown" };
      return { kind: "refused", code: String(at(answer.body, "error", "data", "code")) };
    } catch {
      return { kind: "unknown" };
    }
  }

  async function untilAnswered(path: string, body?: object): Promise<Outcome> {
    const untilMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const outcome = await once(path, body);
      if (outcome.kind !== "unknown" || performance.now() > untilMs) return outcome;
      await sleep(PAUSE_MS);
    }
  }

  return {
    call: (procedure, input, { again = false } = {}) => (again ? untilAnswered : once)(`/trpc/${procedure}`, input),
    read: (procedure, input) => untilAnswered(`/trpc/${procedure}?input=${encodeURIComponent(JSON.stringify(input))}`),
  };
}
