import type { TestProject } from "vitest/node";
import { startTestServers, type TestServers } from "./test-servers.ts";

declare module "vitest" {
  export interface ProvidedContext extends Omit<TestServers, "stop"> {}
}

/** One Postgres and one Redis for all tests of a run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { stop, ...servers } = await startTestServers();
  for (const [name, value] of Object.entries(servers)) project.provide(name as keyof typeof servers, value);
  return stop;
}
