import { activity } from "./activity.ts";
import { agent } from "./agent.ts";
import { billing } from "./billing.ts";
import { card } from "./card.ts";
import { conversation } from "./conversation.ts";
import { execution } from "./execution.ts";
import { hook } from "./hook.ts";
import { key } from "./key.ts";
import { memory } from "./memory.ts";
import { payment } from "./payment.ts";
import { peer } from "./peer.ts";
import { router } from "./procedure.ts";
import { system } from "./system.ts";
import { turn } from "./turn.ts";
import { wallet } from "./wallet.ts";
import { webhook } from "./webhook.ts";

export const appRouter = router({
  activity,
  agent,
  billing,
  card,
  conversation,
  execution,
  hook,
  key,
  memory,
  payment,
  peer,
  system,
  turn,
  wallet,
  webhook,
});

export type AppRouter = typeof appRouter;
