import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface PeerRequest {
  method: string;
  params: Record<string, unknown>;
  headers: IncomingMessage["headers"];
}

export type Answer = { result: unknown } | { error: { code: number; message: string } } | ((response: ServerResponse) => void);

export interface ScriptedPeer {
  url: string;
  /** `host:port`, as allow-lists have it. */
  host: string;
  /** Every JSON-RPC request, in order. */
  journal: PeerRequest[];
  /** Ids of the messages that it was sent. */
  messageIds(): string[];
  asked(method: string): PeerRequest[];
  on(method: string, answer: (request: PeerRequest) => Answer | Promise<Answer>): void;
  close(): Promise<void>;
}

const CARD = { name: "Scripted", description: "", version: "1", protocolVersion: "0.3.0", capabilities: {}, skills: [] };

/** A peer of version 0.3 that does what a test says, right or wrong, over real HTTP. `card`: null where it has none. */
export async function startScriptedPeer(card: Record<string, unknown> | null = {}): Promise<ScriptedPeer> {
  const journal: PeerRequest[] = [];
  const answers = new Map<string, (request: PeerRequest) => Answer | Promise<Answer>>();
  const server = createServer((request, response) => {
    void serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const url = `http://${host}`;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === "GET") {
      const isCard = card !== null && request.url === "/.well-known/agent-card.json";
      response.writeHead(isCard ? 200 : 404, { "content-type": "application/json" });
      response.end(isCard ? JSON.stringify({ ...CARD, url, ...card }) : "{}");
      return;
    }
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { id, method, params } = JSON.parse(body) as { id: unknown; method: string; params: Record<string, unknown> };
    const told = { method, params, headers: request.headers };
    journal.push(told);
    const answer = await (answers.get(method)?.(told) ?? { error: { code: -32_601, message: `no ${method}` } });
    if (typeof answer === "function") return answer(response);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
  }

  return {
    url,
    host,
    journal,
    messageIds: () =>
      journal
        .filter(({ method }) => /^message\//.test(method))
        .map(({ params }) => String((params.message as { messageId: string }).messageId)),
    asked: (method) => journal.filter((one) => one.method === method),
    on: (method, answer) => void answers.set(method, answer),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A task in the protocol's own shape. */
export const taskAt = (state: string, more: { id?: string; text?: string; prompt?: string } = {}) => ({
  kind: "task",
  id: more.id ?? "task-1",
  contextId: "context-1",
  status: {
    state,
    ...(more.prompt === undefined
      ? {}
      : { message: { kind: "message", messageId: "m", role: "agent", parts: [{ kind: "text", text: more.prompt }] } }),
  },
  ...(more.text === undefined ? {} : { artifacts: [{ artifactId: "a", parts: [{ kind: "text", text: more.text }] }] }),
});
