import { readConfig } from "@parley/api/config";
import { run } from "@parley/api/run";
import { dying } from "./dying.ts";

// The front door as it is, but for one call that is deadly.
await run(readConfig(), (ports) => ({
  ...ports,
  payments: dying(ports.payments),
  repeats: dying(ports.repeats),
  chain: dying(ports.chain),
  cards: dying(ports.cards),
}));
