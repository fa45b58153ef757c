import { agent } from "./agent.ts";
import { card } from "./card.ts";
import { conversation } from "./conversation.ts";
import { execution } from "./execution.ts";
import { key } from "./key.ts";
import { memory } from "./memory.ts";
import { router } from "./procedure.ts";
import { system } from "./system.ts";
import { turn } from "./turn.ts";

export const appRouter = router({ agent, card, conversation, execution, key, memory, system, turn });

export type AppRouter = typeof appRouter;
