import { at } from "@parley/testkit";
import type { Message, MessageSendParams, Part, Task } from "a2a-js-sdk-0.3";
import { type Client, ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory, RestTransportFactory } from "a2a-js-sdk-0.3/client";
import { type A2aClient, type Binding, fetchWith, type PushWanted, type Said, type SentMessage, type Told } from "./a2a-client.ts";

const textOf = (parts: unknown): string => (Array.isArray(parts) ? parts.map((part) => String(at(part, "text") ?? "")).join("") : "");

const toldOf = (task: unknown): Told => ({
  id: String(at(task, "id")),
  contextId: String(at(task, "contextId")),
  state: String(at(task, "status", "state")),
  question: textOf(at(task, "status", "message", "parts")),
  answer: textOf(at(task, "artifacts", 0, "parts")),
  history: ((at(task, "history") ?? []) as unknown[]).map((message) => textOf(at(message, "parts"))),
});

function saidOf(event: unknown): Said {
  const kind = at(event, "kind");
  if (kind === "task") return { kind: "task", ...toldOf(event) };
  if (kind === "status-update") {
    return { kind: "status", state: String(at(event, "status", "state")), question: textOf(at(event, "status", "message", "parts")) };
  }
  return { kind: "artifact", text: textOf(at(event, "artifact", "parts")), append: at(event, "append") === true };
}

async function* said(events: AsyncGenerator<unknown>): AsyncGenerator<Said> {
  for await (const event of events) yield saidOf(event);
}

const pushOf = ({ authentication, ...push }: PushWanted) => ({
  ...push,
  ...(authentication && { authentication: { schemes: [authentication.scheme], credentials: authentication.credentials } }),
});

function request({ text, messageId, taskId, contextId, waits = true, push, parts }: SentMessage): MessageSendParams {
  const message: Message = {
    kind: "message",
    messageId,
    role: "user",
    parts: (parts as Part[] | undefined) ?? [{ kind: "text", text }],
    ...(taskId !== undefined && { taskId }),
    ...(contextId !== undefined && { contextId }),
  };
  return { message, configuration: { blocking: waits, ...(push && { pushNotificationConfig: pushOf(push) }) } };
}

/** The SDK's client of version 0.3, on the agent's own card. */
export async function legacyClient(url: string, apiKey: string, binding: Binding): Promise<A2aClient> {
  const fetchImpl = fetchWith(apiKey);
  const transport = binding === "JSONRPC" ? new JsonRpcTransportFactory({ fetchImpl }) : new RestTransportFactory({ fetchImpl });
  const client: Client = await new ClientFactory({
    transports: [transport],
    cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
  }).createFromUrl(`${url}/`);
  return {
    version: "0.3",
    send: async (message) => toldOf((await client.sendMessage(request(message))) as Task),
    stream: (message, signal) => said(client.sendMessageStream(request(message), signal === undefined ? undefined : { signal })),
    subscribe: (id, signal) => said(client.resubscribeTask({ id }, signal === undefined ? undefined : { signal })),
    get: async (id, historyLength) => toldOf(await client.getTask({ id, ...(historyLength !== undefined && { historyLength }) })),
    cancel: async (id) => toldOf(await client.cancelTask({ id })),
    list: () => Promise.reject(new Error("Version 0.3 has no lists.")),
    async setPush(taskId, push) {
      const { pushNotificationConfig } = await client.setTaskPushNotificationConfig({ taskId, pushNotificationConfig: pushOf(push) });
      return { id: pushNotificationConfig.id ?? "", url: pushNotificationConfig.url };
    },
    async getPush(taskId, id) {
      const { pushNotificationConfig } = await client.getTaskPushNotificationConfig({ id: taskId, pushNotificationConfigId: id } as {
        id: string;
      });
      return { id, url: pushNotificationConfig.url };
    },
    async listPushes(taskId) {
      const listed = await client.listTaskPushNotificationConfig({ id: taskId });
      return listed.map(({ pushNotificationConfig: { id = "", url: told } }) => ({ id, url: told }));
    },
    async deletePush(taskId, id) {
      await client.deleteTaskPushNotificationConfig({ id: taskId, pushNotificationConfigId: id });
    },
    skills: async () => (await client.getAgentCard()).skills.map(({ name }) => name),
  };
}
