import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { startedAt } from "../services/process-identity.ts";
import { waitUntil } from "../services/wait-until.ts";

/**
 * Ends the servers of a test run when the run is over, however it ended: its input closes when the run closes it, and
 * when the run is killed. A line of input is a process, as `<pid> <when it was started> <signal that ends it>`; the
 * argument is the folder to remove after them.
 */
interface Server {
  pid: number;
  startedAt: string;
  signal: NodeJS.Signals;
}

const STOP_MS = 10_000;
const [folder = ""] = process.argv.slice(2);
const servers: Server[] = [];

// What ends the run by a signal to its whole group is not for us: we have to outlive it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

for await (const line of createInterface({ input: process.stdin })) {
  const [pid = "", started = "", signal = ""] = line.split(" ");
  servers.push({ pid: Number(pid), startedAt: started, signal: signal as NodeJS.Signals });
}
for (const server of servers.toReversed()) await end(server);
rmSync(folder, { recursive: true, force: true });

async function end(server: Server): Promise<void> {
  const isRunning = () => startedAt(server.pid)?.replaceAll(" ", "_") === server.startedAt;
  if (!isRunning()) return;
  process.kill(server.pid, server.signal);
  if (!(await waitUntil(() => !isRunning(), STOP_MS))) process.kill(server.pid, "SIGKILL");
}
