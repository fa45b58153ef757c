import { AgentCard, type Message, Task } from "@a2a-js/sdk";
import { legacyAgentCardRouter } from "@a2a-js/sdk/compat/v0_3/server/express";
import { AgentEvent, type AgentExecutor, DefaultRequestHandler, InMemoryTaskStore } from "@a2a-js/sdk/server";
import { agentCardHandler, jsonRpcHandler, UserBuilder } from "@a2a-js/sdk/server/express";
import express from "express";

// Tells a joke about anything, over A2A 1.0 and 0.3: `node examples/joke-agent.ts [port]`.

const JOKES = [
  "Why do programmers prefer dark mode? Because light attracts bugs.",
  "There are 10 kinds of people: those who read binary and those who do not.",
  "A query walks into a bar, goes up to two tables and asks: may I join you?",
  "I would tell you a joke about UDP, but you might not get it.",
  "Why did the queue go to therapy? It could not let go of its last message.",
];

const host = "127.0.0.1";
const port = Number(process.argv[2] ?? 3773);

const textOf = ({ parts }: Message): string => parts.flatMap(({ content }) => (content?.$case === "text" ? [content.value] : [])).join(" ");

/** The same joke for the same words. */
const jokeFor = (text: string): string =>
  JOKES[[...text].reduce((sum, character) => sum + (character.codePointAt(0) ?? 0), 0) % JOKES.length] ?? "";

const joker: AgentExecutor = {
  async execute({ taskId, contextId, userMessage }, bus) {
    const artifacts = [{ artifactId: "joke", name: "joke", parts: [{ text: jokeFor(textOf(userMessage)) }] }];
    const status = { state: "TASK_STATE_COMPLETED", timestamp: new Date().toISOString() };
    bus.publish(AgentEvent.task(Task.fromJSON({ id: taskId, contextId, status, artifacts })));
  },
  // A joke is told before anybody can say stop.
  cancelTask: async () => {},
};

const app = express();
const server = app.listen(port, host, (error) => {
  if (error !== undefined) throw error;
  const bound = server.address();
  const url = `http://${host}:${typeof bound === "object" && bound !== null ? bound.port : port}`;
  const card = AgentCard.fromJSON({
    name: "Joke agent",
    description: "Tells a joke about anything.",
    version: "1.0.0",
    supportedInterfaces: ["1.0", "0.3"].map((protocolVersion) => ({ url, protocolBinding: "JSONRPC", protocolVersion })),
    capabilities: { streaming: true },
    defaultInputModes: ["text/plain"],
    defaultOutputModes: ["text/plain"],
    skills: [{ id: "tell_joke", name: "Tell a joke", description: "Tells one short joke about a topic.", tags: ["fun"] }],
  });
  const handler = new DefaultRequestHandler(card, new InMemoryTaskStore(), joker);
  for (const path of ["/.well-known/agent-card.json", "/.well-known/agent.json"]) {
    app.use(path, legacyAgentCardRouter({ agentCardProvider: async () => card }));
    app.use(path, agentCardHandler({ agentCardProvider: async () => AgentCard.toJSON(card) as AgentCard }));
  }
  app.use(jsonRpcHandler({ requestHandler: handler, userBuilder: UserBuilder.noAuthentication, legacyCompat: { enabled: true } }));
  console.log(`joke agent on ${url}`);
});
