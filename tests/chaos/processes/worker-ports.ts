import type { EnginePorts, FindTools, JobQueue, LiveTail, Model, ModelRequest, SweepStore, TurnChanges, TurnStore } from "@parley/domain";
import type { PointName } from "../plan/points.ts";
import { at, obeying } from "./at.ts";
import type { Control } from "./control.ts";
import { failingOutbox, failingPeers } from "./peer-ports.ts";

/** The engine's ports, failing where the driver says. */
export const failingEnginePorts = (control: Control, ports: EnginePorts): EnginePorts => ({
  ...ports,
  turns: failingTurns(control, ports.turns),
  queue: failingQueue(control, ports.queue),
  tail: witnessedTail(control, ports.tail),
  model: failingModel(control, ports.model),
  tools: failingTools(control, ports.tools),
  peers: failingPeers(control, ports.peers),
  ...(ports.peerOutbox === undefined ? {} : { peerOutbox: failingOutbox(control, ports.peerOutbox) }),
  ...(ports.sweep === undefined ? {} : { sweep: failingSweep(control, ports.sweep) }),
});

function pointsOf({ finish, pause, children, journal, takeSteers }: TurnChanges): PointName[] {
  if (finish !== undefined) return ["settle", "finish"];
  if (pause !== undefined) return ["settle"];
  if (takeSteers !== undefined) return ["steer"];
  if (journal?.some(({ kind }) => kind === "started")) return ["started"];
  if (children?.some((child) => child.change === "start" && child.peerCall !== undefined)) return ["dispatch", "child", "step"];
  if (children?.some(({ change }) => change === "start")) return ["child", "step"];
  if (journal?.some(({ kind }) => kind === "response")) return ["step"];
  if (journal?.some(({ kind }) => kind === "result")) return ["result"];
  return ["inbox"];
}

function failingTurns(control: Control, turns: TurnStore): TurnStore {
  const about = (point: PointName, organizationId: string) => ({ points: [point], organizationIds: [organizationId] });
  return {
    ...turns,
    claim: (...given) => at(control, about("claim", given[0].organizationId), () => turns.claim(...given)),
    commit: (...given) =>
      at(control, { points: pointsOf(given[1]), organizationIds: [given[0].organizationId] }, () => turns.commit(...given)),
    renew(...given) {
      const withTexts = given[0].filter(({ texts }) => texts !== null);
      if (withTexts.length === 0) return turns.renew(...given);
      const organizationIds = [...new Set(withTexts.map(({ organizationId }) => organizationId))];
      return at(control, { points: ["checkpoint"], organizationIds }, () => turns.renew(...given));
    },
    release: (...given) => at(control, about("release", given[0].organizationId), () => turns.release(...given)),
    repair: (...given) => at(control, about("reaper", given[0].organizationId), () => turns.repair(...given)),
  };
}

/** Also the api's: orders are given by both. */
export function failingQueue(control: Control, queue: JobQueue): JobQueue {
  return {
    ...queue,
    async enqueue(...given) {
      const [, payload] = given;
      const organizationIds = "organizationIds" in payload ? payload.organizationIds : [payload.organizationId];
      const order = await control.ask({ points: ["outbox"], organizationIds });
      if (order?.kind === "lose") return control.obey(order);
      return obeying(control, order, () => queue.enqueue(...given));
    },
  };
}

/** Found conversations are many organizations', so the point is asked for once they are known: there is only an `after`. */
function failingSweep(control: Control, sweep: SweepStore): SweepStore {
  return {
    ...sweep,
    async takeRepairs(...given) {
      const found = await sweep.takeRepairs(...given);
      if (found.length === 0) return found;
      const organizationIds = [...new Set(found.map(({ organizationId }) => organizationId))];
      return at(control, { points: ["sweep"], organizationIds }, async () => found);
    },
  };
}

const witnessedTail = (control: Control, tail: LiveTail): LiveTail => ({
  ...tail,
  appendDeltas(deltas, options) {
    control.witness(
      deltas.conversationId,
      deltas.events.map(({ cursor }) => cursor),
    );
    return tail.appendDeltas(deltas, options);
  },
});

const failingTools =
  (control: Control, findTools: FindTools): FindTools =>
  async (...given) =>
    (await findTools(...given)).map((tool) => ({
      ...tool,
      run: (call) => at(control, { points: ["tool"], organizationIds: [call.organizationId] }, () => tool.run(call)),
    }));

const lastUserText = ({ messages }: ModelRequest): string => messages.findLast(({ role }) => role === "user")?.content ?? "";

const failingModel = (control: Control, model: Model): Model => ({
  ...model,
  async *stream(request) {
    const order = await control.ask({ points: ["model"], organizationIds: [], text: lastUserText(request) });
    if (order?.phase === "before") await control.obey(order);
    let chunks = 0;
    for await (const chunk of model.stream(request)) {
      chunks += 1;
      if (order?.phase === "during" && chunks === 2) await control.obey(order);
      if (order?.phase === "after" && chunk.type === "finish") await control.obey(order);
      yield chunk;
    }
  },
});
