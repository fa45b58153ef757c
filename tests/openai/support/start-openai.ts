import { type System, startSystem } from "@parley/testkit";
import OpenAI from "openai";
import postgres from "postgres";

/** A system with the names that the tests use, the client of OpenAI, and a look at what was metered. */
export interface OpenaiSystem {
  system: System;
  /** Where the routes are, ending in `/v1`. */
  baseUrl: string;
  client: OpenAI;
  /** The usage of all direct calls until now, oldest first, as soon as there are so many. */
  metered(count: number): Promise<Metered[]>;
  forgetMetered(): Promise<void>;
  /** Loses what a route knows of its keys, as an api does that dies before it has kept its answer. */
  forgetKeys(route: string): Promise<void>;
  close(): Promise<void>;
}

export interface Metered {
  route: string;
  model: string;
  outcome: string;
  tries: number;
  input_tokens: number;
  output_tokens: number;
  estimated: boolean;
  request_id: string;
  principal_id: string;
}

const WAIT_MS = 10_000;
const LOOK_MS = 20;

export async function startOpenai(env: Record<string, string> = {}, workers = 0): Promise<OpenaiSystem> {
  const system = await startSystem({ workers, env });
  const owner = postgres(system.ownerUrl, { max: 1, onnotice: () => undefined });
  const baseUrl = `${system.apis[0]?.url}/v1`;
  const rows = () =>
    owner<Metered[]>`select route, model, outcome, tries, input_tokens::int, output_tokens::int, estimated, request_id, principal_id
      from direct_calls order by at, id`;
  return {
    system,
    baseUrl,
    client: new OpenAI({ baseURL: baseUrl, apiKey: system.ours.apiKey, maxRetries: 0 }),
    async metered(count) {
      const untilMs = Date.now() + WAIT_MS;
      for (;;) {
        const found = await rows();
        if (found.length >= count || Date.now() > untilMs) return [...found];
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    },
    async forgetMetered() {
      await owner`delete from direct_calls`;
    },
    async forgetKeys(route) {
      await owner`delete from idempotency_keys where route = ${route}`;
    },
    async close() {
      await owner.end();
      await system.close();
    },
  };
}
