import { readConfig } from "@parley/worker/config";
import { run } from "@parley/worker/run";
import { breakEngine } from "./broken-build.ts";
import { connectControl } from "./control.ts";
import { readChaosEnvironment } from "./environment.ts";
import { failingEnginePorts } from "./worker-ports.ts";

// The worker as it is, with ports that fail when the driver says so.
const { port, broken } = readChaosEnvironment(process.env);
const control = await connectControl(port);
await run(readConfig(), (ports) => failingEnginePorts(control, breakEngine(ports, broken)));
