import { deadEnd, type Edges } from "./dead-end.ts";

/** What may happen next: an action, and the state that it leads to. */
export interface Step<State, Action> {
  action: Action;
  to: State;
  /** Part of what goes on by itself, without callers and without faults. */
  isProgress: boolean;
}

export interface Model<State, Action> {
  initial: State;
  steps(state: State): Step<State, Action>[];
  /** States with the same key behave alike; only one of them is looked into. */
  keyOf(state: State): string;
  /** What is true of every state, by name. */
  invariants: Record<string, (state: State) => boolean>;
  /** What is true of every step, by name. */
  laws: Record<string, (before: State, step: Step<State, Action>) => boolean>;
  /** Nothing has to happen any more. Progress must be able to lead here from everywhere. */
  isRest(state: State): boolean;
  describe(action: Action): string;
}

export interface Exploration {
  states: number;
  steps: number;
  /** Actions on the way from the start to the state that is farthest from it. */
  depth: number;
  /** The shortest way to what must not be, or null. */
  counterexample: { broken: string; trace: string[] } | null;
}

/** The name under which a state is reported from which progress never leads to rest. */
export const COMES_TO_REST = "from everywhere, without further faults, it comes to rest";

/** Visits every state that can be reached, nearest first, until something does not hold. */
export function explore<State, Action>(model: Model<State, Action>): Exploration {
  const invariants = Object.entries(model.invariants);
  const laws = Object.entries(model.laws);
  const known = new Map([[model.keyOf(model.initial), 0]]);
  const cameFrom: { parent: number; action: Action | null }[] = [{ parent: 0, action: null }];
  const rests: number[] = [];
  const progress: Edges = { from: [], to: [] };
  let frontier = [model.initial];
  let first = 0;
  let steps = 0;
  let depth = 0;

  const traceTo = (index: number, last: Action | null): string[] => {
    const trace = last === null ? [] : [model.describe(last)];
    for (let place = cameFrom[index]; place !== undefined && place.action !== null; place = cameFrom[place.parent]) {
      trace.unshift(model.describe(place.action));
    }
    return trace;
  };
  const report = (broken: string | undefined, index: number, last: Action | null): Exploration => ({
    states: known.size,
    steps,
    depth,
    counterexample: broken === undefined ? null : { broken, trace: traceTo(index, last) },
  });

  for (; frontier.length > 0; depth += 1) {
    const next: State[] = [];
    for (const [offset, state] of frontier.entries()) {
      const index = first + offset;
      const untrue = invariants.find(([, holds]) => !holds(state));
      if (untrue !== undefined) return report(untrue[0], index, null);
      if (model.isRest(state)) rests.push(index);
      for (const step of model.steps(state)) {
        steps += 1;
        const broken = laws.find(([, holds]) => !holds(state, step));
        if (broken !== undefined) return report(broken[0], index, step.action);
        const key = model.keyOf(step.to);
        let to = known.get(key);
        if (to === undefined) {
          to = known.size;
          known.set(key, to);
          cameFrom.push({ parent: index, action: step.action });
          next.push(step.to);
        }
        if (step.isProgress && to !== index) {
          progress.from.push(index);
          progress.to.push(to);
        }
      }
    }
    first += frontier.length;
    frontier = next;
  }
  depth -= 1;
  const stuck = deadEnd(rests, progress, known.size);
  return report(stuck === null ? undefined : COMES_TO_REST, stuck ?? 0, null);
}
