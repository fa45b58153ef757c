import {
  CancelTaskRequest,
  DeleteTaskPushNotificationConfigRequest,
  GetTaskPushNotificationConfigRequest,
  GetTaskRequest,
  ListTaskPushNotificationConfigsRequest,
  ListTaskPushNotificationConfigsResponse,
  ListTasksRequest,
  ListTasksResponse,
  SendMessageRequest,
  StreamResponse,
  SubscribeToTaskRequest,
  Task,
  TaskPushNotificationConfig,
} from "@a2a-js/sdk";
import { type Client, ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory, RestTransportFactory } from "@a2a-js/sdk/client";
import { at } from "@parley/testkit";
import { type A2aClient, type Binding, fetchWith, type Said, type SentMessage, type Told } from "./a2a-client.ts";

const stateOf = (task: unknown): string =>
  String(at(task, "status", "state"))
    .replace(/^TASK_STATE_/, "")
    .toLowerCase()
    .replaceAll("_", "-");
const textOf = (parts: unknown): string => (Array.isArray(parts) ? parts.map((part) => String(at(part, "text") ?? "")).join("") : "");

const toldOf = (task: unknown): Told => ({
  id: String(at(task, "id")),
  contextId: String(at(task, "contextId")),
  state: stateOf(task),
  question: textOf(at(task, "status", "message", "parts")),
  answer: textOf(at(task, "artifacts", 0, "parts")),
  history: ((at(task, "history") ?? []) as unknown[]).map((message) => textOf(at(message, "parts"))),
});

function saidOf(response: unknown): Said {
  const task = at(response, "task");
  if (task !== undefined) return { kind: "task", ...toldOf(task) };
  const update = at(response, "statusUpdate");
  if (update !== undefined) return { kind: "status", state: stateOf(update), question: textOf(at(update, "status", "message", "parts")) };
  const artifact = at(response, "artifactUpdate");
  return { kind: "artifact", text: textOf(at(artifact, "artifact", "parts")), append: at(artifact, "append") === true };
}

async function* said(events: AsyncGenerator<StreamResponse>): AsyncGenerator<Said> {
  for await (const event of events) yield saidOf(StreamResponse.toJSON(event));
}

const request = ({ text, messageId, taskId, contextId, waits = true, push, parts }: SentMessage) =>
  SendMessageRequest.fromJSON({
    message: { messageId, role: "ROLE_USER", parts: parts ?? [{ text }], taskId, contextId },
    configuration: { returnImmediately: !waits, taskPushNotificationConfig: push },
  });

/** The SDK's client of version 1.0, on the agent's own card. */
export async function currentClient(url: string, apiKey: string, binding: Binding): Promise<A2aClient> {
  const fetchImpl = fetchWith(apiKey);
  const transport = binding === "JSONRPC" ? new JsonRpcTransportFactory({ fetchImpl }) : new RestTransportFactory({ fetchImpl });
  const cardResolver = new DefaultAgentCardResolver({ fetchImpl });
  const client: Client = await new ClientFactory({ transports: [transport], cardResolver }).createFromUrl(`${url}/`);
  if (client.protocolVersion !== "1.0") throw new Error(`The client speaks ${client.protocolVersion}.`);
  return {
    version: "1.0",
    send: async (message) => toldOf(Task.toJSON((await client.sendMessage(request(message))) as Task)),
    stream: (message, signal) => said(client.sendMessageStream(request(message), signal === undefined ? undefined : { signal })),
    subscribe: (id, signal) =>
      said(client.resubscribeTask(SubscribeToTaskRequest.fromJSON({ id }), signal === undefined ? undefined : { signal })),
    get: async (id, historyLength) => toldOf(Task.toJSON(await client.getTask(GetTaskRequest.fromJSON({ id, historyLength })))),
    cancel: async (id) => toldOf(Task.toJSON(await client.cancelTask(CancelTaskRequest.fromJSON({ id })))),
    async list(filter) {
      const page = ListTasksResponse.toJSON(await client.listTasks(ListTasksRequest.fromJSON(filter)));
      return { tasks: ((at(page, "tasks") ?? []) as unknown[]).map(toldOf), next: String(at(page, "nextPageToken") ?? "") };
    },
    async setPush(taskId, push) {
      const made = await client.createTaskPushNotificationConfig(TaskPushNotificationConfig.fromJSON({ taskId, ...push }));
      return { id: made.id, url: made.url };
    },
    async getPush(taskId, id) {
      const { url } = await client.getTaskPushNotificationConfig(GetTaskPushNotificationConfigRequest.fromJSON({ taskId, id }));
      return { id, url };
    },
    async listPushes(taskId) {
      const listed = await client.listTaskPushNotificationConfig(ListTaskPushNotificationConfigsRequest.fromJSON({ taskId }));
      const configs = at(ListTaskPushNotificationConfigsResponse.toJSON(listed), "configs") ?? [];
      return (configs as unknown[]).map((one) => ({ id: String(at(one, "id")), url: String(at(one, "url")) }));
    },
    async deletePush(taskId, id) {
      await client.deleteTaskPushNotificationConfig(DeleteTaskPushNotificationConfigRequest.fromJSON({ taskId, id }));
    },
    skills: async () => (await client.getAgentCard()).skills.map(({ name }) => name),
  };
}
