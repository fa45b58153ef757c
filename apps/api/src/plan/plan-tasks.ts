import type { EventOf, LogEvent, PeerReport } from "@parley/contracts";
import { cardText } from "../turn/card-text.ts";
import type { PlanFrame } from "./plan-frame.ts";

/** Who does a task, as its frames say. */
interface Doer {
  agent: string;
  agent_did: string | null;
  agent_did_source: "pinned" | "observed" | null;
}

interface Task {
  doer: Doer;
  skill: string;
  /** Of a peer: its report tells of its end. */
  isPeer: boolean;
  isOver: boolean;
}

const GATEWAY: Doer = { agent: "gateway", agent_did: null, agent_did_source: null };
const ASK_TOOL = "ask_user_questions";
/** How the names of peers' tools begin: who stands behind one is told by its child. */
const PEER_TOOL = "call_";

/** Folds a log into the frames of a plan's tasks: one for each call of the root's model, and one for each card. Names come from the facts and are never taken apart. */
export class PlanTasks {
  readonly #conversationId: string;
  readonly #tasks = new Map<string, Task>();
  /** Calls by the children that they are. */
  readonly #calls = new Map<string, string>();
  /** Calls of peers' tools of which no child is known yet. */
  readonly #held = new Map<string, EventOf<"tool.called">["data"]>();
  /** Who was behind a tool when it was called before. */
  readonly #known = new Map<string, Pick<Task, "doer" | "skill">>();

  constructor(conversationId: string) {
    this.#conversationId = conversationId;
  }

  take(event: LogEvent): PlanFrame[] {
    if (event.type === "card.opened") return this.#card(event);
    if (event.executionId !== this.#conversationId) return [];
    switch (event.type) {
      case "tool.called":
        return this.#called(event.data);
      case "child.created":
        return this.#created(event.data);
      case "child.finished":
        return this.#finished(event.data);
      case "tool.returned":
        return this.#returned(event.data);
      case "turn.paused":
        return this.#endOpen({ state: "input-required" });
      case "turn.completed":
      case "turn.failed":
      case "turn.stopped":
        return this.#endOpen({ state: "canceled", error: "The plan ended before the task did." });
      default:
        return [];
    }
  }

  #called(call: EventOf<"tool.called">["data"]): PlanFrame[] {
    const { callId, tool } = call;
    if (tool === ASK_TOOL) return [];
    if (tool.startsWith(PEER_TOOL)) {
      this.#held.set(callId, call);
      return [];
    }
    return this.#start(callId, { doer: { ...GATEWAY, agent: tool }, skill: "", isPeer: false }, call.arguments);
  }

  #created({ childId, peer }: EventOf<"child.created">["data"]): PlanFrame[] {
    if (peer === undefined) return [];
    const { callId, name, did, didSource, skill, input } = peer;
    const who = { doer: { agent: name, agent_did: did, agent_did_source: didSource }, skill: skill ?? "" };
    const tool = this.#held.get(callId)?.tool;
    if (tool !== undefined) this.#known.set(tool, who);
    this.#held.delete(callId);
    this.#calls.set(childId, callId);
    return this.#start(callId, { ...who, isPeer: true }, input);
  }

  #start(id: string, task: Omit<Task, "isOver">, input: unknown): PlanFrame[] {
    this.#tasks.set(id, { ...task, isOver: false });
    return [{ event: "task.started", data: { task_id: id, ...task.doer, skill: task.skill, input } }];
  }

  #finished({ childId, result, report, call }: EventOf<"child.finished">["data"]): PlanFrame[] {
    const id = this.#calls.get(childId) ?? call?.callId;
    const task = (id === undefined ? undefined : this.#tasks.get(id)) ?? (call && begunBefore(call));
    if (id === undefined || task === undefined || report === undefined) return [];
    const doer = { ...task.doer, agent_did: report.did, agent_did_source: report.didSource };
    const { signatures } = report;
    const artifact = { ...(result !== null && { content: result }), title: titleOf(task), signatures };
    return [
      { event: "task.artifact", data: { task_id: id, ...doer, ...artifact } },
      this.#end(id, { ...task, doer }, { ...endOf(report), signatures }),
    ];
  }

  #returned({ callId, tool, result, isError, unknown }: EventOf<"tool.returned">["data"]): PlanFrame[] {
    if (tool === ASK_TOOL) return [];
    const frames: PlanFrame[] = [];
    const held = this.#held.get(callId);
    if (held !== undefined) {
      this.#held.delete(callId);
      const who = this.#known.get(tool) ?? { doer: { ...GATEWAY, agent: tool }, skill: "" };
      frames.push(...this.#start(callId, { ...who, isPeer: false }, held.arguments));
    }
    const task = this.#tasks.get(callId);
    if (task === undefined || task.isOver) return frames;
    if (task.isPeer) return [...frames, this.#end(callId, task, isError ? { state: "failed", error: result } : { state: "submitted" })];
    const state = unknown === true ? "unknown" : isError ? "failed" : "completed";
    return [
      ...frames,
      { event: "task.artifact", data: { task_id: callId, ...task.doer, content: result, title: titleOf(task) } },
      this.#end(callId, task, isError ? { state, error: result } : { state }),
    ];
  }

  #endOpen(end: { state: string; error?: string }): PlanFrame[] {
    return [...this.#tasks].flatMap(([id, task]) => (task.isOver ? [] : [this.#end(id, task, end)]));
  }

  #end(id: string, task: Task, end: { state: string; error?: string; signatures?: PeerReport["signatures"] }): PlanFrame {
    this.#tasks.set(id, { ...task, isOver: true });
    return { event: "task.finished", data: { task_id: id, ...task.doer, ...end } };
  }

  /** What a person has to decide: the gateway itself asks it, and needs an answer. */
  #card({ data }: EventOf<"card.opened">): PlanFrame[] {
    const skill = data.kind === "questions" ? ASK_TOOL : "approval";
    const input =
      data.kind === "questions" ? { questions: data.questions } : { tool: data.approval.tool, arguments: data.approval.arguments };
    const about = { task_id: data.cardId, ...GATEWAY };
    return [
      { event: "task.started", data: { ...about, skill, input } },
      { event: "task.artifact", data: { ...about, content: cardText(data), title: `@gateway/${skill}` } },
      { event: "task.finished", data: { ...about, state: "input-required" } },
    ];
  }
}

/** Of a call that was begun in an earlier plan, which has ended by asking for something. */
const begunBefore = ({ name, skill }: NonNullable<EventOf<"child.finished">["data"]["call"]>): Task => ({
  doer: { ...GATEWAY, agent: name },
  skill: skill ?? "",
  isPeer: true,
  isOver: false,
});

const titleOf = ({ doer, skill }: Task): string => (skill === "" ? `@${doer.agent}` : `@${doer.agent}/${skill}`);

const endOf = ({ state, error }: PeerReport): { state: string; error?: string } => (error === null ? { state } : { state, error });
