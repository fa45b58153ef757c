import { AgentCard, type Message, Task, TaskArtifactUpdateEvent, TaskStatusUpdateEvent } from "@a2a-js/sdk";
import { legacyAgentCardRouter } from "@a2a-js/sdk/compat/v0_3/server/express";
import { AgentEvent, type AgentExecutor, DefaultRequestHandler, InMemoryTaskStore } from "@a2a-js/sdk/server";
import { agentCardHandler, jsonRpcHandler, UserBuilder } from "@a2a-js/sdk/server/express";
import express from "express";

// Looks a topic up in a few sources and tells while it does, over A2A 1.0 and 0.3: `node examples/research-agent.ts [port]`.

const SOURCES = ["the encyclopedia", "the newspapers", "the experts"];

const host = "127.0.0.1";
const port = Number(process.argv[2] ?? 3775);
/** Contexts of the tasks under way. */
const running = new Map<string, string>();

const textOf = ({ parts }: Message): string =>
  parts
    .map(({ content }) => (content?.$case === "text" ? content.value : content?.$case === "data" ? JSON.stringify(content.value) : ""))
    .join(" ");

const researcher: AgentExecutor = {
  async execute({ taskId, contextId, userMessage }, bus) {
    const topic = textOf(userMessage).trim().slice(0, 200) || "nothing";
    const about = { taskId, contextId };
    const say = (state: string, text: string) => {
      const message = { messageId: `${taskId}-${state}-${text.length}`, role: "ROLE_AGENT", parts: [{ text }] };
      bus.publish(AgentEvent.statusUpdate(TaskStatusUpdateEvent.fromJSON({ ...about, status: { state, message } })));
    };
    running.set(taskId, contextId);
    bus.publish(AgentEvent.task(Task.fromJSON({ id: taskId, contextId, status: { state: "TASK_STATE_SUBMITTED" } })));
    for (const [place, source] of SOURCES.entries()) {
      if (!running.has(taskId)) return;
      say("TASK_STATE_WORKING", `Asking ${source} about ${topic}.`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      const text = `According to ${source}, ${topic} matters more than one would think. `;
      const artifact = { artifactId: "report", name: "report", parts: [{ text }] };
      bus.publish(
        AgentEvent.artifactUpdate(
          TaskArtifactUpdateEvent.fromJSON({ ...about, artifact, append: place > 0, lastChunk: place === SOURCES.length - 1 }),
        ),
      );
    }
    const sources = { artifactId: "sources", name: "sources", parts: [{ data: { topic, sources: SOURCES } }] };
    bus.publish(AgentEvent.artifactUpdate(TaskArtifactUpdateEvent.fromJSON({ ...about, artifact: sources, lastChunk: true })));
    running.delete(taskId);
    say("TASK_STATE_COMPLETED", `Asked ${SOURCES.length} sources.`);
  },
  async cancelTask(taskId, bus) {
    const contextId = running.get(taskId) ?? "";
    running.delete(taskId);
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
    name: "Research agent",
    description: "Looks a topic up in several sources and reports.",
    version: "1.0.0",
    supportedInterfaces: ["1.0", "0.3"].map((protocolVersion) => ({ url, protocolBinding: "JSONRPC", protocolVersion })),
    capabilities: { streaming: true },
    defaultInputModes: ["text/plain"],
    defaultOutputModes: ["text/plain"],
    skills: [{ id: "research", name: "Research a topic", description: "Looks a topic up and writes a short report.", tags: ["research"] }],
  });
  const handler = new DefaultRequestHandler(card, new InMemoryTaskStore(), researcher);
  for (const path of ["/.well-known/agent-card.json", "/.well-known/agent.json"]) {
    app.use(path, legacyAgentCardRouter({ agentCardProvider: async () => card }));
    app.use(path, agentCardHandler({ agentCardProvider: async () => AgentCard.toJSON(card) as AgentCard }));
  }
  app.use(jsonRpcHandler({ requestHandler: handler, userBuilder: UserBuilder.noAuthentication, legacyCompat: { enabled: true } }));
  console.log(`research agent on ${url}`);
});
