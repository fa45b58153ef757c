import type { RpcMethodName } from "@parley/router";
import type { Method } from "./method.ts";
import { agent } from "./methods/agent.ts";
import { agents } from "./methods/agents.ts";
import { approvals } from "./methods/approvals.ts";
import { config } from "./methods/config.ts";
import { conversation } from "./methods/conversation.ts";
import { memory } from "./methods/memory.ts";
import { models } from "./methods/models.ts";
import { obs } from "./methods/obs.ts";
import { session } from "./methods/session.ts";
import { subagent } from "./methods/subagent.ts";
import { system } from "./methods/system.ts";
import { tokens } from "./methods/tokens.ts";

/** What each method does. Does not compile while one of the registry's is missing. */
export const METHODS: Record<RpcMethodName, Method> = {
  ...agent,
  ...agents,
  ...approvals,
  ...config,
  ...conversation,
  ...memory,
  ...models,
  ...obs,
  ...session,
  ...subagent,
  ...system,
  ...tokens,
};
