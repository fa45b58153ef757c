import type { Control, Order, Question } from "./control.ts";

/** Makes the call, and has the fault strike before, during or after it. */
export async function obeying<Result>(control: Control, order: Order | null, call: () => Promise<Result>): Promise<Result> {
  if (order?.phase === "before") await control.obey(order);
  const result = call();
  // Whoever asked gets the failure; here it only must not count as unhandled while the fault strikes.
  result.catch(() => undefined);
  if (order?.phase === "during") await control.obey(order);
  const answer = await result;
  if (order?.phase === "after") await control.obey(order);
  return answer;
}

/** Makes the call with what the driver wants to happen at it. */
export async function at<Result>(control: Control, question: Question, call: () => Promise<Result>): Promise<Result> {
  return obeying(control, await control.ask(question), call);
}
