import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type OnStarted, startChild } from "../services/child.ts";
import { isPortFree } from "../services/free-port.ts";
import { StartFailure } from "../services/start-failure.ts";
import { waitUntil } from "../services/wait-until.ts";
import { finalWords } from "./app-log.ts";
import { type Folders, freshLog } from "./folders.ts";
import type { GatewayApi } from "./gateway-api.ts";

const HOST = "127.0.0.1";
const PORTS_TRIED_MAX = 20;
/** No example tries another one's ports. */
const STEP = 10;
const READY_MS = 30_000;

/** The agents of `examples/` that a start brings along. */
const EXAMPLES = [
  {
    ...{ file: "joke-agent", name: "Joke agent", port: 3773 },
    skill: { id: "tell_joke", name: "Tell a joke", description: "Tells one short joke about a topic." },
  },
  {
    ...{ file: "research-agent", name: "Research agent", port: 3775 },
    skill: { id: "research", name: "Research a topic", description: "Looks a topic up and writes a short report." },
  },
];
type Example = (typeof EXAMPLES)[number];

export interface ExamplePeer {
  name: string;
  endpoint: string;
  /** Where it may be called: its own port, and its usual one where somebody else has such an agent there, in another terminal. */
  ports: number[];
  skill: Example["skill"];
}

/** Whether a process of a start is one of these: the gateway does without them. */
export const isExample = (childName: string): boolean => EXAMPLES.some(({ file }) => file === childName);

/** Starts the example agents, each on its own port or the next free one. */
export async function startExamples(options: { folders: Folders; onStarted: OnStarted }): Promise<ExamplePeer[]> {
  return Promise.all(EXAMPLES.map((example) => startExample(example, options)));
}

async function startExample(example: Example, { folders, onStarted }: { folders: Folders; onStarted: OnStarted }): Promise<ExamplePeer> {
  const { file, name, skill } = example;
  const others = (await nameAt(example.port)) === name ? [example.port] : [];
  for (let port = example.port; port < example.port + STEP * PORTS_TRIED_MAX; port += STEP) {
    if (!(await isPortFree(port, HOST))) continue;
    const child = await startChild({
      name: file,
      command: process.execPath,
      args: [join(folders.root, "examples", `${file}.ts`), String(port)],
      logFile: freshLog(folders, file),
      cwd: folders.root,
      onStarted,
    });
    const hasSettled = await waitUntil(async () => child.hasExited() || (await nameAt(port)) === name, READY_MS);
    if (hasSettled && !child.hasExited()) return { name, endpoint: `http://${HOST}:${port}`, ports: [...others, port], skill };
    const words = finalWords(child.logFile);
    // Somebody was faster.
    if (!readFileSync(child.logFile, "utf8").includes("EADDRINUSE"))
      throw new StartFailure(`The ${file} did not start: ${words} (${child.logFile})`);
  }
  throw new StartFailure(`No port from ${example.port} on is free on ${HOST} for the ${file}.`);
}

/** What the agent at that port says that it is called; null where none answers. */
async function nameAt(port: number): Promise<string | null> {
  try {
    const response = await fetch(`http://${HOST}:${port}/.well-known/agent.json`, { signal: AbortSignal.timeout(2_000) });
    const card = (await response.json()) as { name?: unknown };
    return typeof card.name === "string" ? card.name : null;
  } catch {
    return null;
  }
}

/** What was allowed, and exactly the places of these. */
export const allowedWith = (given: string | undefined, peers: ExamplePeer[]): string =>
  [...(given ? [given] : []), ...peers.flatMap(({ ports }) => ports.flatMap((port) => [`${HOST}:${port}`, `localhost:${port}`]))].join();

/** Each of them is in the organization's registry, at the place where it is now. */
export async function registered(api: GatewayApi, apiKey: string, peers: ExamplePeer[]): Promise<void> {
  const { items } = (await api.query("peer.list", { perPage: 50 }, apiKey)) as { items: { id: string; name: string; endpoint: string }[] };
  for (const { name, endpoint, skill } of peers) {
    const known = items.find((item) => item.name === name);
    if (known === undefined) await api.mutate("peer.create", { name, endpoint, skills: [skill] }, apiKey);
    else if (known.endpoint !== endpoint) await api.mutate("peer.update", { peerId: known.id, endpoint }, apiKey);
  }
}
