import { setTimeout as sleep } from "node:timers/promises";
import { afterAll } from "vitest";

/** What keeps a process alive when it was forgotten: connections, servers, timers, children, threads. */
const KINDS = ["TCPSocketWrap", "TCPServerWrap", "PipeWrap", "ProcessWrap", "Timeout", "Thread"];
/** What is closing when the tests end may take its time on a busy machine. */
const GRACE_MS = 5_000;

// Node counts all of them but threads.
let threads = 0;
process.on("worker", (thread) => {
  threads++;
  thread.once("exit", () => threads--);
});

// The standard streams are opened when somebody first looks at them, and are nobody's to close.
void [process.stdin, process.stdout, process.stderr];
const before = counted();

// Registered before any test of the file, so it runs after all of its own hooks.
afterAll(async () => {
  const end = performance.now() + GRACE_MS;
  let left = leftBehind();
  while (left.length > 0 && performance.now() < end) {
    await sleep(20);
    left = leftBehind();
  }
  if (left.length > 0) throw new Error(`these tests leave open what they opened: ${left.join(", ")}`);
});

function leftBehind(): string[] {
  const now = counted();
  return KINDS.filter((kind) => (now.get(kind) ?? 0) > (before.get(kind) ?? 0)).map(
    (kind) => `${(now.get(kind) ?? 0) - (before.get(kind) ?? 0)} ${kind}`,
  );
}

function counted(): Map<string, number> {
  const counts = new Map([["Thread", threads]]);
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}
