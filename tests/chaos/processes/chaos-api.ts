import { readConfig } from "@parley/api/config";
import { run } from "@parley/api/run";
import { failingGatewayPorts } from "./api-ports.ts";
import { breakGateway } from "./broken-build.ts";
import { connectControl } from "./control.ts";
import { readChaosEnvironment } from "./environment.ts";

// The front door as it is, with ports that fail when the driver says so.
const { port, broken } = readChaosEnvironment(process.env);
const control = await connectControl(port);
await run(readConfig(), (ports) => failingGatewayPorts(control, breakGateway(ports, broken)));
