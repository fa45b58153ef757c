import { type Artifact, type Message, type Part, type StreamResponse, type Task, TaskState, type TaskStatus } from "@a2a-js/sdk";
import { PEER_STATES, type PeerState } from "@parley/contracts";
import type { PeerArtifact, PeerPart } from "@parley/domain";
import { textOf } from "../json-shape.ts";
import { STATE_MARK } from "./tolerant-result.ts";

/** With what its author has signed it by. */
export type ViewedPart = PeerPart & { metadata?: Record<string, unknown> | undefined };
export interface ViewedArtifact extends Omit<PeerArtifact, "parts"> {
  parts: ViewedPart[];
}

const STATES: Partial<Record<TaskState, PeerState>> = {
  [TaskState.TASK_STATE_SUBMITTED]: "submitted",
  [TaskState.TASK_STATE_WORKING]: "working",
  [TaskState.TASK_STATE_COMPLETED]: "completed",
  [TaskState.TASK_STATE_FAILED]: "failed",
  [TaskState.TASK_STATE_CANCELED]: "canceled",
  [TaskState.TASK_STATE_REJECTED]: "rejected",
  [TaskState.TASK_STATE_INPUT_REQUIRED]: "input-required",
  [TaskState.TASK_STATE_AUTH_REQUIRED]: "auth-required",
};

const UNDER_WAY: ReadonlySet<PeerState> = new Set(["submitted", "working", "unknown"]);

/** Nothing more happens by itself: it has ended, or needs something. */
export const isSettled = (state: PeerState): boolean => !UNDER_WAY.has(state);

/** What is known of a call's task, from whatever the peer has said of it. */
export class TaskView {
  taskId: string | null = null;
  contextId: string | null = null;
  state: PeerState = "submitted";
  /** What the peer says about its state. */
  prompt = "";
  /** Something was beyond the bounds. */
  cut = false;
  readonly #artifacts = new Map<string, ViewedArtifact>();
  readonly #artifactsMax: number;
  readonly #onText: (text: string) => void;
  #saidText = false;

  constructor(artifactsMax: number, onText: (text: string) => void) {
    this.#artifactsMax = artifactsMax;
    this.#onText = onText;
  }

  get artifacts(): ViewedArtifact[] {
    return [...this.#artifacts.values()];
  }

  takeEvent({ payload }: StreamResponse): void {
    switch (payload?.$case) {
      case "task":
        return this.takeTask(payload.value);
      case "message":
        return this.takeMessage(payload.value);
      case "statusUpdate": {
        const { taskId, contextId, status, metadata } = payload.value;
        this.#name(taskId, contextId);
        return this.#stand(status, metadata);
      }
      case "artifactUpdate": {
        const { taskId, contextId, artifact, append } = payload.value;
        this.#name(taskId, contextId);
        return artifact === undefined ? undefined : this.#keep(artifact, append, true);
      }
      case undefined:
        return undefined;
    }
  }

  takeTask({ id, contextId, status, artifacts, metadata }: Task): void {
    this.#name(id, contextId);
    if (artifacts.length > 0) this.#artifacts.clear();
    for (const artifact of artifacts) this.#keep(artifact, false, false);
    this.#stand(status, metadata);
  }

  /** A direct answer: there is no task, or none that goes on. */
  takeMessage(message: Message): void {
    this.#name(message.taskId, message.contextId);
    this.#keep({ artifactId: message.messageId, name: "", parts: message.parts }, false, true);
    this.state = "completed";
  }

  #name(taskId: string, contextId: string): void {
    if (taskId !== "") this.taskId ??= taskId;
    if (contextId !== "") this.contextId ??= contextId;
  }

  #stand(status: TaskStatus | undefined, metadata: Record<string, unknown> | undefined): void {
    if (status === undefined) return;
    const marked = textOf(metadata?.[STATE_MARK]);
    this.state = PEER_STATES.find((state) => state === marked) ?? STATES[status.state] ?? "working";
    this.prompt = (status.message?.parts ?? []).flatMap(({ content }) => (content?.$case === "text" ? [content.value] : [])).join("\n\n");
  }

  #keep({ artifactId, name, parts }: Pick<Artifact, "artifactId" | "name" | "parts">, append: boolean, live: boolean): void {
    const known = this.#artifacts.get(artifactId);
    if (known === undefined && this.#artifacts.size >= this.#artifactsMax) {
      this.cut = true;
      return;
    }
    const given = parts.flatMap(viewed);
    if (append && known !== undefined) {
      for (const part of given) joined(known.parts, part);
      if (live) for (const part of given) this.#say(part, false);
      return;
    }
    // Under an id that it does not have, an artifact without one is still one of its own.
    const id = artifactId === "" ? `#${this.#artifacts.size}` : artifactId;
    this.#artifacts.set(id, { id, name: name === "" ? null : name, parts: given });
    if (live && known === undefined) for (const [place, part] of given.entries()) this.#say(part, place === 0);
  }

  #say(part: ViewedPart, begins: boolean): void {
    if (part.kind !== "text" || part.text === "") return;
    this.#onText(begins && this.#saidText ? `\n\n${part.text}` : part.text);
    this.#saidText = true;
  }
}

/** Pieces of one text are one text; what is signed stands for itself. */
function joined(parts: ViewedPart[], part: ViewedPart): void {
  const last = parts.at(-1);
  const joins = last?.kind === "text" && part.kind === "text" && last.metadata === undefined && part.metadata === undefined;
  if (joins) last.text += part.text;
  else parts.push(part);
}

function viewed({ content, metadata, filename, mediaType }: Part): ViewedPart[] {
  const named = { name: filename === "" ? null : filename, mediaType: mediaType === "" ? null : mediaType };
  const signed = metadata === undefined ? {} : { metadata };
  switch (content?.$case) {
    case "text":
      return [{ kind: "text", text: content.value, ...signed }];
    case "data":
      return [{ kind: "data", data: content.value, ...signed }];
    case "raw":
      return [{ kind: "file", ...named, bytes: Buffer.from(content.value).toString("base64"), url: null, ...signed }];
    case "url":
      return [{ kind: "file", ...named, bytes: null, url: content.value, ...signed }];
    default:
      return [];
  }
}
