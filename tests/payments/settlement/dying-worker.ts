import { readConfig } from "@parley/worker/config";
import { run } from "@parley/worker/run";
import { dying } from "./dying.ts";

// The worker as it is, but for one call that is deadly.
await run(readConfig(), (ports) => ({ ...ports, payments: dying(ports.payments), chain: dying(ports.chain), cards: dying(ports.cards) }));
