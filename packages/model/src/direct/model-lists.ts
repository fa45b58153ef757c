/** How long a provider's list is believed, and how long a failure to get it. */
const KEPT_MS = 300_000;
const FAILED_KEPT_MS = 30_000;
/** A list of models is not worth waiting longer for a provider. */
const WAIT_MS = 2_000;
/** Of one provider; some have many hundreds. */
const MODELS_MAX = 2_000;

interface Lister {
  models(signal: AbortSignal): Promise<string[]>;
}

interface Kept {
  names: Promise<string[]>;
  untilMs: number;
}

/** The models of all providers, by their full names: those of the settings, and for a provider that has none there, its own list. */
export function createModelLists(providers: ReadonlyMap<string, Lister>, listed: string[]) {
  const kept = new Map<string, Kept>();
  const asked = [...providers].filter(([name]) => !listed.some((model) => model.startsWith(`${name}/`)));

  function ask(name: string, lister: Lister): Promise<string[]> {
    const known = kept.get(name);
    if (known !== undefined && known.untilMs > performance.now()) return known.names;
    const entry: Kept = { untilMs: performance.now() + KEPT_MS, names: Promise.resolve([]) };
    entry.names = lister.models(AbortSignal.timeout(WAIT_MS)).then(
      (models) => models.slice(0, MODELS_MAX).map((model) => `${name}/${model}`),
      () => {
        entry.untilMs = performance.now() + FAILED_KEPT_MS;
        return [];
      },
    );
    kept.set(name, entry);
    return entry.names;
  }

  return {
    read: async (): Promise<string[]> => [...listed, ...(await Promise.all(asked.map(([name, lister]) => ask(name, lister)))).flat()],
  };
}
