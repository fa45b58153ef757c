/** Holds one process back, as if the machine had paused it. */
export interface Freezer {
  /** From now on no call reaches a port, and no answer comes back from one. */
  freeze(): void;
  /** Everything that was held back goes on. */
  thaw(): void;
  /** The port as the process is given it. */
  behind<Port extends object>(port: Port): Port;
}

export function createFreezer(): Freezer {
  let frozen: PromiseWithResolvers<void> | undefined;
  const thawed = async <Answer>(answer: Answer): Promise<Answer> => {
    while (frozen !== undefined) await frozen.promise;
    return answer;
  };

  return {
    freeze() {
      frozen ??= Promise.withResolvers();
    },
    thaw() {
      const held = frozen;
      frozen = undefined;
      held?.resolve();
    },
    behind: (port) =>
      new Proxy(port, {
        get(target, name) {
          const member: unknown = Reflect.get(target, name);
          if (typeof member !== "function") return member;
          return (...given: unknown[]) => {
            if (frozen !== undefined) return thawed(undefined).then(() => member.apply(target, given));
            const answer: unknown = member.apply(target, given);
            return answer instanceof Promise
              ? answer.then(thawed, (error: unknown) => thawed(undefined).then(() => Promise.reject(error)))
              : answer;
          };
        },
      }),
  };
}
