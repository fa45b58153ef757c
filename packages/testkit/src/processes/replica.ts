import { setTimeout as sleep } from "node:timers/promises";
import { type AppProcess, type Exit, startApp } from "./app-process.ts";

/** One api or worker of a system: a process, and the next one where it is restarted. */
export interface Replica {
  /** The process of now. */
  readonly process: AppProcess;
  /** Where an api can be reached; empty for a worker. */
  readonly url: string;
  /** Sends the signal and waits until the process is gone. */
  kill(signal?: NodeJS.Signals): Promise<Exit>;
  /** Starts anew, at once when it has ended, else after it was asked to end. */
  restart(): Promise<void>;
  /** Asks the process to end, and makes it after a while. */
  close(): Promise<void>;
}

const READY = { api: "the front door is open", worker: "worker started" } as const;
const CLOSE_MS = 8_000;

/** Starts a replica, from `entry` where one is given, and waits until it serves. */
export async function startReplica(app: "api" | "worker", environment: Record<string, string>, entry?: string): Promise<Replica> {
  let current = startApp(app, environment, entry);
  let url = "";
  const ready = async (): Promise<void> => {
    try {
      url = (await current.said(READY[app])).url ?? "";
    } catch (error) {
      current.signal("SIGKILL");
      throw error;
    }
  };
  await ready();

  const close = async (): Promise<void> => {
    if (current.hasExited()) return;
    current.signal("SIGTERM");
    await Promise.race([current.exited, sleep(CLOSE_MS, undefined, { ref: false })]);
    current.signal("SIGKILL");
    await current.exited;
  };

  return {
    get process() {
      return current;
    },
    get url() {
      return url;
    },
    kill(signal = "SIGKILL") {
      current.signal(signal);
      return current.exited;
    },
    async restart() {
      await close();
      current = startApp(app, environment, entry);
      await ready();
    },
    close,
  };
}
