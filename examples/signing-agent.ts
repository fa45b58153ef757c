import { AgentCard, type Message, Task } from "@a2a-js/sdk";
import { legacyAgentCardRouter } from "@a2a-js/sdk/compat/v0_3/server/express";
import { AgentEvent, type AgentExecutor, DefaultRequestHandler, InMemoryTaskStore } from "@a2a-js/sdk/server";
import { agentCardHandler, jsonRpcHandler, UserBuilder } from "@a2a-js/sdk/server/express";
import { createDidIdentity } from "@parley/peers";
import express from "express";

// Says back what it is told and signs every text with its DID's key, over A2A 1.0 and 0.3: `node examples/signing-agent.ts [port] [seed]`.
// The seed is 32 bytes in hex; without one it is that of an example, which anybody has.

const host = "127.0.0.1";
const port = Number(process.argv[2] ?? 3777);
const seed = Buffer.from(process.argv[3] ?? "5a".repeat(32), "hex");
const identity = createDidIdentity({ seed, author: "examples@parley.example", name: "signing-agent" });

const textOf = ({ parts }: Message): string => parts.flatMap(({ content }) => (content?.$case === "text" ? [content.value] : [])).join(" ");

const signer: AgentExecutor = {
  async execute({ taskId, contextId, userMessage }, bus) {
    const text = `You said, and I sign: ${textOf(userMessage)}`;
    const part = { text, metadata: { "did.message.signature": identity.sign(text) } };
    const status = { state: "TASK_STATE_COMPLETED", timestamp: new Date().toISOString() };
    bus.publish(AgentEvent.task(Task.fromJSON({ id: taskId, contextId, status, artifacts: [{ artifactId: "signed", parts: [part] }] })));
  },
  // It is done before anybody can say stop.
  cancelTask: async () => {},
};

const app = express();
const server = app.listen(port, host, (error) => {
  if (error !== undefined) throw error;
  const bound = server.address();
  const url = `http://${host}:${typeof bound === "object" && bound !== null ? bound.port : port}`;
  const card = AgentCard.fromJSON({
    name: "Signing agent",
    description: "Says back what it is told, signed.",
    version: "1.0.0",
    supportedInterfaces: ["1.0", "0.3"].map((protocolVersion) => ({ url, protocolBinding: "JSONRPC", protocolVersion })),
    capabilities: {
      streaming: true,
      extensions: [{ uri: identity.did, params: { author: "examples@parley.example", agent_name: "signing-agent" } }],
    },
    defaultInputModes: ["text/plain"],
    defaultOutputModes: ["text/plain"],
    skills: [{ id: "sign", name: "Sign a text", description: "Says a text back with a signature.", tags: ["did"] }],
  });
  const handler = new DefaultRequestHandler(card, new InMemoryTaskStore(), signer);
  for (const path of ["/.well-known/agent-card.json", "/.well-known/agent.json"]) {
    app.use(path, legacyAgentCardRouter({ agentCardProvider: async () => card }));
    app.use(path, agentCardHandler({ agentCardProvider: async () => AgentCard.toJSON(card) as AgentCard }));
  }
  app.post("/did/resolve", express.json(), (request, response) => {
    const isOurs = (request.body as { did?: unknown } | undefined)?.did === identity.did;
    if (isOurs) response.type("application/did+json").send(identity.document);
    else response.status(404).json({ error: "not found" });
  });
  app.use(jsonRpcHandler({ requestHandler: handler, userBuilder: UserBuilder.noAuthentication, legacyCompat: { enabled: true } }));
  console.log(`signing agent on ${url}`);
});
