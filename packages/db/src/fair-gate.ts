/** Lets so many calls through at a time; of those that wait, each organization's by turns. */
export interface FairGate {
  pass<Answer>(organizationId: string, call: () => Promise<Answer>): Promise<Answer>;
  /** How many stand before it now. */
  waiting(): number;
}

interface Crowd {
  running: number;
  waiting: (() => void)[];
}

/**
 * The next one through is of the organization that has the fewest under way, and of several such of the one that was let through
 * least lately: who asks for one thing at a time never stands behind another one's crowd.
 */
export function createFairGate(callsMax: number): FairGate {
  /** Whoever is let through goes to the end. */
  const crowds = new Map<string, Crowd>();
  let running = 0;
  let waiting = 0;

  function begin(organizationId: string, crowd: Crowd): void {
    crowd.running += 1;
    running += 1;
    crowds.delete(organizationId);
    crowds.set(organizationId, crowd);
  }

  function end(organizationId: string, crowd: Crowd): void {
    crowd.running -= 1;
    running -= 1;
    if (crowd.running === 0 && crowd.waiting.length === 0) crowds.delete(organizationId);
    let next: [string, Crowd] | undefined;
    for (const entry of crowds) if (entry[1].waiting.length > 0 && (!next || entry[1].running < next[1].running)) next = entry;
    const letThrough = next?.[1].waiting.shift();
    if (!next || !letThrough) return;
    begin(...next);
    letThrough();
  }

  async function stand(organizationId: string, crowd: Crowd): Promise<void> {
    crowds.set(organizationId, crowd);
    waiting += 1;
    await new Promise<void>((resolve) => crowd.waiting.push(resolve));
    waiting -= 1;
  }

  return {
    async pass(organizationId, call) {
      const crowd = crowds.get(organizationId) ?? { running: 0, waiting: [] };
      if (running < callsMax) begin(organizationId, crowd);
      else await stand(organizationId, crowd);
      try {
        return await call();
      } finally {
        end(organizationId, crowd);
      }
    },
    waiting: () => waiting,
  };
}
