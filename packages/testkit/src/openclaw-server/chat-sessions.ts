import { scripted } from "../peer-server/peer-executor.ts";
import type { OpenclawFault } from "./openclaw-fault.ts";

interface Said {
  role: "user" | "assistant";
  content: { type: "text"; text: string }[];
  idempotencyKey: string;
  stopReason?: string;
}

type RunEnd = "completed" | "failed" | "canceled";

/** One run as the gateway saw it. */
export interface OpenclawRun {
  /** The idempotency key. */
  id: string;
  sessionKey: string;
  message: string;
  /** Its end, and any that came after it. */
  ends: { state: RunEnd; atMs: number }[];
}

interface Run extends OpenclawRun {
  state: "running" | "ended" | "aborted";
  aborted: PromiseWithResolvers<void>;
}

/** Between two pieces of an answer. */
const PIECE_MS = 15;

/** The sessions of a fake gateway: a message begins one run, however often it comes, and its answer is told in pieces. */
export class ChatSessions {
  readonly #answer: (message: string) => string;
  readonly #tell: (event: object) => void;
  readonly #runs = new Map<string, Run>();
  readonly #said = new Map<string, Said[]>();
  #held: (() => void)[] = [];
  #isStopped = false;

  constructor(answer: (message: string) => string, tell: (event: object) => void) {
    this.#answer = answer;
    this.#tell = tell;
  }

  send({ sessionKey, key, message }: { sessionKey: string; key: string; message: string }, fault: OpenclawFault | null): object {
    const known = this.#runs.get(key);
    if (known !== undefined) return { runId: key, status: known.state === "running" ? "in_flight" : "ok" };
    this.#runs.set(key, { id: key, sessionKey, message, ends: [], state: "running", aborted: Promise.withResolvers() });
    this.#note(sessionKey, { role: "user", content: [{ type: "text", text: message }], idempotencyKey: `${key}:user` });
    void this.#run(key, fault);
    return { runId: key, status: "started" };
  }

  abort(key: string): boolean {
    const run = this.#runs.get(key);
    if (run?.state !== "running") return false;
    this.#end(run, "canceled", "aborted");
    run.aborted.resolve();
    return true;
  }

  history = (sessionKey: string): Said[] => this.#said.get(sessionKey) ?? [];
  names = (): string[] => [...this.#said.keys()];
  runs = (): OpenclawRun[] => [...this.#runs.values()];
  aborted = (): string[] => [...this.#runs].flatMap(([key, { state }]) => (state === "aborted" ? [key] : []));

  release(): void {
    for (const go of this.#held) go();
    this.#held = [];
  }

  stop(): void {
    this.#isStopped = true;
    this.release();
  }

  #end(run: Run, how: RunEnd, state: Run["state"] = "ended"): void {
    run.state = state;
    run.ends.push({ state: how, atMs: Date.now() });
  }

  #note(sessionKey: string, said: Said): void {
    this.#said.set(sessionKey, [...this.history(sessionKey), said]);
  }

  async #run(key: string, fault: OpenclawFault | null): Promise<void> {
    const run = this.#runs.get(key);
    if (run === undefined) return;
    let seq = 0;
    const tell = (event: object): void => {
      seq += 1;
      if (!this.#isStopped) this.#tell({ runId: key, sessionKey: run.sessionKey, seq, ...event });
    };
    await pause();
    tell({ state: "status", phase: "starting_model" });
    if (fault === "slow") await new Promise<void>((resolve) => void this.#held.push(resolve));
    if (fault === "lies") {
      this.#tell({ runId: "another-run", sessionKey: run.sessionKey, seq: 1, state: "final", message: { text: "not yours" } });
      this.#tell({ runId: key, seq: "many", state: 7 });
      tell({ state: "something-new" });
    }
    // Words of the message say how it is gone about, as for peers.
    await Promise.race([
      run.aborted.promise,
      /\bforever\b/.test(run.message) ? new Promise(() => {}) : pause(scripted(run.message, "works") ?? 0),
    ]);
    const text = this.#answer(run.message);
    const half = Math.ceil(text.length / 2);
    if (fault === "restates") tell({ state: "delta", deltaText: "Something else entirely" });
    const pieces = fault === "restates" ? [text] : [text.slice(0, half), text.slice(half)];
    for (const deltaText of pieces) {
      await pause();
      if (run.state === "aborted") return tell({ state: "aborted", errorMessage: "aborted" });
      tell({ state: "delta", deltaText, ...(fault === "restates" && { replace: true }) });
      if (fault === "lies") {
        seq -= 1;
        tell({ state: "delta", deltaText });
      }
    }
    if (fault === "fails" || /\bfails\b/.test(run.message)) {
      this.#end(run, "failed");
      return tell({ state: "error", errorKind: "rate_limit", errorMessage: "too many" });
    }
    if (fault === "aborts") {
      this.#end(run, "canceled");
      return tell({ state: "aborted", errorMessage: "the operator has stopped it" });
    }
    if (fault === "cut-in-answer" || fault === "cut-before-taken") await pause(60);
    if (run.state === "aborted") return tell({ state: "aborted", errorMessage: "aborted" });
    this.#end(run, "completed");
    const content = [{ type: "text" as const, text }];
    this.#note(run.sessionKey, { role: "assistant", content, idempotencyKey: `${key}:assistant`, stopReason: "stop" });
    const usage = { input: 11, output: 7 };
    tell({ state: "final", message: { role: "assistant", content }, usage, stopReason: "stop" });
    if (fault === "lies") tell({ state: "final", message: { text: "something else" } });
  }
}

const pause = (ms = PIECE_MS): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));
