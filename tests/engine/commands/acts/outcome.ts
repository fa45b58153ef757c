import { GatewayError } from "@parley/contracts";
import { expect } from "vitest";
import type { Verdict } from "../spec/submit.ts";

/** The answer, or the code of the refusal. Throws what is no refusal. */
export const outcomeOf = <Answer>(asked: Promise<Answer>): Promise<Verdict<Answer>> =>
  asked.then(
    (answer) => ({ answer }),
    (error: unknown) => {
      if (error instanceof GatewayError) return { refused: error.code };
      throw error;
    },
  );

/** The gateway says what it must, and nothing else where that is a refusal. */
export function expectVerdict<Answer extends object>(real: Verdict<Answer>, due: Verdict<object>): void {
  if ("refused" in due) expect(real).toEqual(due);
  else expect(real).toMatchObject(due);
}

/** Any number chooses one of a list. */
export const pick = <Item>(list: readonly Item[], choice: number): Item => {
  const item = list[choice % list.length];
  if (item === undefined) throw new Error("There is nothing to choose from.");
  return item;
};
