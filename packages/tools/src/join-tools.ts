import type { FindTools } from "@parley/domain";

/** What agents may use of several kinds of tools, those of the first kind first. */
export const joinTools =
  (...kinds: FindTools[]): FindTools =>
  async (agent, place) =>
    (await Promise.all(kinds.map((find) => find(agent, place)))).flat();
