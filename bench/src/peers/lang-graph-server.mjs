/** Runs the peer's development server in one process, without its file watcher. Copied into the peer's folder. Its options are the last argument, as JSON. */
import { startServer } from "@langchain/langgraph-api/server";

const options = JSON.parse(process.argv.at(-1));
await startServer(options);
process.send?.({ port: options.port });
