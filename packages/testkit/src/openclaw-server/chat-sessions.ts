import type { OpenclawFault } from "./openclaw-fault.ts";

interface Said {
  role: "user" | "assistant";
  content: { type: "text"; text: string }[];
  idempotencyKey: string;
  stopReason?: string;
}

interface Run {
  sessionKey: string;
  message: string;
  state: "running" | "ended" | "aborted";
}

/** Between two pieces of an answer. */
const PIECE_MS = 15;

/** The sessions of a fake gateway: a message begins one run, however often it comes, and its answer is told in pieces. */
export class ChatSessions {
  readonly #answer: (message: string) => string;
  readonly #tell: (event: object) => void;
  readonly #runs = new Map<string, Run>();
  readonly #said = new Map<string, Said[]>();
  readonly #begun: string[] = [];
  #held: (() => void)[] = [];
  #isStopped = false;

  constructor(answer: (message: string) => string, tell: (event: object) => void) {
    this.#answer = answer;
    this.#tell = tell;
  }

  send({ sessionKey, key, message }: { sessionKey: string; key: string; message: string }, fault: OpenclawFault | null): object {
    const known = this.#runs.get(key);
    if (known !== undefined) return { runId: key, status: known.state === "running" ? "in_flight" : "ok" };
    this.#begun.push(key);
    this.#runs.set(key, { sessionKey, message, state: "running" });
    this.#note(sessionKey, { role: "user", content: [{ type: "text", text: message }], idempotencyKey: `${key}:user` });
    void this.#run(key, fault);
    return { runId: key, status: "started" };
  }

  abort(key: string): boolean {
    const run = this.#runs.get(key);
    if (run?.state !== "running") return false;
    run.state = "aborted";
    return true;
  }

  history = (sessionKey: string): Said[] => this.#said.get(sessionKey) ?? [];
  names = (): string[] => [...this.#said.keys()];
  runs = (): string[] => [...this.#begun];
  aborted = (): string[] => [...this.#runs].flatMap(([key, { state }]) => (state === "aborted" ? [key] : []));

  release(): void {
    for (const go of this.#held) go();
    this.#held = [];
  }

  stop(): void {
    this.#isStopped = true;
    this.release();
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
    if (fault === "fails") {
      run.state = "ended";
      return tell({ state: "error", errorKind: "rate_limit", errorMessage: "too many" });
    }
    if (fault === "aborts") {
      run.state = "ended";
      return tell({ state: "aborted", errorMessage: "the operator has stopped it" });
    }
    if (fault === "cut-in-answer" || fault === "cut-before-taken") await pause(60);
    run.state = "ended";
    const content = [{ type: "text" as const, text }];
    this.#note(run.sessionKey, { role: "assistant", content, idempotencyKey: `${key}:assistant`, stopReason: "stop" });
    const usage = { input: 11, output: 7 };
    tell({ state: "final", message: { role: "assistant", content }, usage, stopReason: "stop" });
    if (fault === "lies") tell({ state: "final", message: { text: "something else" } });
  }
}

const pause = (ms = PIECE_MS): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));
