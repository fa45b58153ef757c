import type { FaultPlan } from "../plan/points.ts";
import type { Order, Question } from "../processes/control.ts";

/** The faults of one trial, waiting for their calls. */
export interface ArmedFaults {
  /** Those that struck so far. */
  struck(): FaultPlan[];
  /** Resolves when what has struck is over: processes run again, the frozen ones are awake. */
  over(): Promise<void>;
  disarm(): void;
}

interface Trial {
  organizationId: string;
  /** What every text of the trial's messages starts with. */
  marker: string;
  faults: Fault[];
}

interface Fault extends FaultPlan {
  id: number;
  hits: number;
  /** Set when it strikes. */
  over: Promise<void> | null;
}

export interface FaultBoard {
  arm(organizationId: string, marker: string, plans: FaultPlan[]): ArmedFaults;
  decide(question: Question): Order | null;
  strike(faultId: number, pid: number): Promise<void>;
}

/** Which fault strikes where. `enact` resolves when the process may go on, with when the fault is over. */
export function createFaultBoard(enact: (plan: FaultPlan, pid: number) => Promise<{ over: Promise<void> }>): FaultBoard {
  const trials = new Set<Trial>();
  const faults = new Map<number, Fault>();
  let lastId = 0;

  /** Counts the call for each fault that waits for it; the first whose turn has come strikes. */
  function due(trial: Trial, { points }: Question): Fault | undefined {
    const waiting = trial.faults.filter((fault) => fault.hits < fault.nth && points.includes(fault.point));
    for (const fault of waiting) fault.hits += 1;
    return waiting.find((fault) => fault.hits === fault.nth);
  }

  return {
    arm(organizationId, marker, plans) {
      const armed = plans.map((plan): Fault => ({ ...plan, id: ++lastId, hits: 0, over: null }));
      for (const fault of armed) faults.set(fault.id, fault);
      const trial = { organizationId, marker, faults: armed };
      trials.add(trial);
      return {
        struck: () => armed.filter(({ over }) => over !== null).map(({ id: _, hits: __, over: ___, ...plan }) => plan),
        async over() {
          await Promise.all(armed.flatMap(({ over }) => (over === null ? [] : [over])));
        },
        disarm: () => void trials.delete(trial),
      };
    },
    decide(question) {
      for (const trial of trials) {
        const isAbout = question.organizationIds.includes(trial.organizationId) || question.text?.includes(trial.marker);
        const fault = isAbout ? due(trial, question) : undefined;
        if (fault !== undefined) return { faultId: fault.id, kind: fault.kind, phase: fault.phase };
      }
      return null;
    },
    async strike(faultId, pid) {
      const fault = faults.get(faultId);
      if (fault === undefined) throw new Error(`There is no fault ${faultId}.`);
      const { over } = await enact(fault, pid);
      fault.over = over;
    },
  };
}
