import { type Message, Task, TaskArtifactUpdateEvent, TaskStatusUpdateEvent } from "@a2a-js/sdk";
import { AgentEvent, type AgentExecutor, type ExecutionEventBus } from "@a2a-js/sdk/server";
import type { PeerManner, PeerServerTask } from "./peer-manner.ts";

export interface PeerWords {
  /** What it answers to a message; the message's own text by default. */
  answer: (text: string) => string;
  /** Base58 over the text; null: nothing is signed. */
  sign: ((text: string) => string) | null;
  /** Cuts every connection and listens no more. */
  die: () => void;
  /** Of a scripted peer: every task, oldest first. */
  tasks: PeerServerTask[];
}

/** The number behind a word of a script; null where the word is not there. */
export function scripted(text: string, word: "works" | "late"): number | null {
  const found = new RegExp(`\\b${word}:(\\d+)`).exec(text)?.[1];
  return found === undefined ? null : Number(found);
}

const HUGE_CHARS = 33_554_432;
const PIECES = 5;
const PIECE_MS = 5;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const textOf = ({ parts }: Message): string =>
  parts
    .map(({ content }) => (content?.$case === "text" ? content.value : content?.$case === "data" ? JSON.stringify(content.value) : ""))
    .join("");

/** What the manner comes to, by the SDK's own server. */
export function peerExecutor(manner: PeerManner, { answer, sign, die, tasks }: PeerWords): AgentExecutor {
  const live = new Map<string, string>();

  const speaker = (bus: ExecutionEventBus, about: { taskId: string; contextId: string }) => ({
    begin: () =>
      bus.publish(
        AgentEvent.task(Task.fromJSON({ id: about.taskId, contextId: about.contextId, status: { state: "TASK_STATE_WORKING" } })),
      ),
    state(state: string, text?: string) {
      const message =
        text === undefined ? {} : { message: { messageId: `${about.taskId}-${state}`, role: "ROLE_AGENT", parts: [{ text }] } };
      bus.publish(AgentEvent.statusUpdate(TaskStatusUpdateEvent.fromJSON({ ...about, status: { state, ...message } })));
    },
    text(text: string, place = 0) {
      const metadata = sign === null ? {} : { metadata: { "did.message.signature": sign(text) } };
      const artifact = { artifactId: "answer", name: "answer", parts: [{ text, ...metadata }] };
      bus.publish(AgentEvent.artifactUpdate(TaskArtifactUpdateEvent.fromJSON({ ...about, artifact, append: place > 0 })));
    },
  });

  const cancelled = new Map<string, PromiseWithResolvers<void>>();
  function until(taskId: string): Promise<void> {
    const over = Promise.withResolvers<void>();
    cancelled.set(taskId, over);
    return over.promise;
  }
  function end(taskId: string, state: PeerServerTask["ends"][number]["state"], tell: () => void): void {
    live.delete(taskId);
    tasks.find(({ id }) => id === taskId)?.ends.push({ state, atMs: Date.now() });
    tell();
  }

  return {
    async execute({ taskId, contextId, userMessage, task }, bus) {
      const said = textOf(userMessage);
      const say = speaker(bus, { taskId, contextId });
      live.set(taskId, contextId);
      say.begin();
      if (task !== undefined && manner === "scripted") {
        say.text(answer(said));
        return end(taskId, "completed", () => say.state("TASK_STATE_COMPLETED"));
      }
      if (task !== undefined || manner === "completes" || manner === "signs" || manner === "signs-wrongly") {
        say.text(answer(said));
        return say.state("TASK_STATE_COMPLETED");
      }
      switch (manner) {
        case "streams":
          for (let place = 0; place < PIECES; place += 1) {
            say.text(`${place === 0 ? answer(said) : ""}piece ${place} `, place);
            await pause(PIECE_MS);
          }
          return say.state("TASK_STATE_COMPLETED");
        case "endless":
          for (let place = 0; live.has(taskId); place += 1) {
            say.text("and on ".repeat(100), place);
            await pause(PIECE_MS);
          }
          return;
        case "huge":
          say.text("x".repeat(HUGE_CHARS));
          return say.state("TASK_STATE_COMPLETED");
        case "stuck":
          return void (await new Promise(() => undefined));
        case "dies":
          return die();
        case "scripted":
          tasks.push({ id: taskId, contextId, messageId: userMessage.messageId, text: said, atMs: Date.now(), ends: [] });
          if (/\basks\b/.test(said)) return say.state("TASK_STATE_INPUT_REQUIRED", "Which one?");
          if (/\bforever\b/.test(said)) return void (await until(taskId));
          await pause(scripted(said, "works") ?? 0);
          // One that was cancelled meanwhile has ended.
          if (!live.has(taskId)) return;
          if (/\bfails\b/.test(said)) return end(taskId, "failed", () => say.state("TASK_STATE_FAILED", "It broke."));
          say.text(answer(said));
          return end(taskId, "completed", () => say.state("TASK_STATE_COMPLETED"));
        case "asks-input":
          return say.state("TASK_STATE_INPUT_REQUIRED", "Which one?");
        case "asks-auth":
          return say.state("TASK_STATE_AUTH_REQUIRED", "Log in at the desk.");
        case "rejects":
          return say.state("TASK_STATE_REJECTED", "Not for you.");
        default:
          return say.state("TASK_STATE_FAILED", "It broke.");
      }
    },
    async cancelTask(taskId, bus) {
      const contextId = live.get(taskId);
      if (manner === "stuck" || contextId === undefined) return;
      end(taskId, "canceled", () => speaker(bus, { taskId, contextId }).state("TASK_STATE_CANCELED"));
      cancelled.get(taskId)?.resolve();
    },
  };
}
