import { AgentCard, Task, TaskArtifactUpdateEvent, TaskStatusUpdateEvent } from "@a2a-js/sdk";
import { legacyAgentCardRouter } from "@a2a-js/sdk/compat/v0_3/server/express";
import { AgentEvent, type AgentExecutor, DefaultRequestHandler, InMemoryTaskStore } from "@a2a-js/sdk/server";
import { agentCardHandler, jsonRpcHandler, UserBuilder } from "@a2a-js/sdk/server/express";
import express from "express";

// Goes wrong in turns, over A2A 1.0 and 0.3: a task fails, is rejected, asks for more, takes its time, and only the fifth one is done at once.
// `node examples/flaky-agent.ts [port]`

const MOODS = ["fails", "rejects", "asks", "dawdles", "answers"] as const;

const host = "127.0.0.1";
const port = Number(process.argv[2] ?? 3776);
let tasks = 0;
/** Contexts of the tasks that dawdle. */
const dawdling = new Map<string, string>();

const flaky: AgentExecutor = {
  async execute({ taskId, contextId, task }, bus) {
    // What was asked for has come: the task goes on.
    const mood = task === undefined ? (MOODS[tasks++ % MOODS.length] ?? "answers") : "answers";
    const end = (state: string, text: string) => {
      const message = { messageId: `${taskId}-${state}`, role: "ROLE_AGENT", parts: [{ text }] };
      bus.publish(AgentEvent.statusUpdate(TaskStatusUpdateEvent.fromJSON({ taskId, contextId, status: { state, message } })));
    };
    bus.publish(AgentEvent.task(Task.fromJSON({ id: taskId, contextId, status: { state: "TASK_STATE_WORKING" } })));
    if (mood === "fails") return end("TASK_STATE_FAILED", "Something broke in here.");
    if (mood === "rejects") return end("TASK_STATE_REJECTED", "Not today.");
    if (mood === "asks") return end("TASK_STATE_INPUT_REQUIRED", "Which one do you mean?");
    if (mood === "dawdles") {
      dawdling.set(taskId, contextId);
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      if (!dawdling.delete(taskId)) return;
    }
    const artifact = { artifactId: "answer", parts: [{ text: "It worked this time." }] };
    bus.publish(AgentEvent.artifactUpdate(TaskArtifactUpdateEvent.fromJSON({ taskId, contextId, artifact })));
    end("TASK_STATE_COMPLETED", "Done.");
  },
  async cancelTask(taskId, bus) {
    const contextId = dawdling.get(taskId) ?? "";
    dawdling.delete(taskId);
    const status = { state: "TASK_STATE_CANCELED" };
    bus.publish(AgentEvent.statusUpdate(TaskStatusUpdateEvent.fromJSON({ taskId, contextId, status })));
  },
};

const app = express();
const server = app.listen(port, host, (error) => {
  if (error !== undefined) throw error;
  const bound = server.address();
  const url = `http://${host}:${typeof bound === "object" && bound !== null ? bound.port : port}`;
  const card = AgentCard.fromJSON({
    name: "Flaky agent",
    description: "Goes wrong in turns.",
    version: "1.0.0",
    supportedInterfaces: ["1.0", "0.3"].map((protocolVersion) => ({ url, protocolBinding: "JSONRPC", protocolVersion })),
    capabilities: { streaming: true },
    defaultInputModes: ["text/plain"],
    defaultOutputModes: ["text/plain"],
    skills: [{ id: "try", name: "Try something", description: "Tries, and mostly fails.", tags: ["test"] }],
  });
  const handler = new DefaultRequestHandler(card, new InMemoryTaskStore(), flaky);
  for (const path of ["/.well-known/agent-card.json", "/.well-known/agent.json"]) {
    app.use(path, legacyAgentCardRouter({ agentCardProvider: async () => card }));
    app.use(path, agentCardHandler({ agentCardProvider: async () => AgentCard.toJSON(card) as AgentCard }));
  }
  app.use(jsonRpcHandler({ requestHandler: handler, userBuilder: UserBuilder.noAuthentication, legacyCompat: { enabled: true } }));
  console.log(`flaky agent on ${url}`);
});
