import { createHash } from "node:crypto";
import { type A2aPush, type A2aPushInput, type A2aTask, hasTaskEnded, uuidOfHash } from "@parley/contracts";
import { A2aError, type A2aMethod, type ParamsOf, type PushParams, toWireTask, type WirePush } from "@parley/peers";
import type { A2aCall, A2aDoor } from "./call.ts";
import { cardFacts } from "./card-facts.ts";
import { checkOutputModes } from "./check-output-modes.ts";
import { listFilter, pageToken } from "./list-page.ts";
import { readMessage } from "./read-message.ts";
import type { Result } from "./results.ts";

export type StreamMethod = "SendStreamingMessage" | "SubscribeToTask";
export type PlainMethod = Exclude<A2aMethod, StreamMethod>;

type Operation<Method extends A2aMethod> = (door: A2aDoor, call: A2aCall, params: ParamsOf<Method>) => Promise<Result>;

/** The id of a configuration that names none: the same for the same one, so that repeating makes no second. 0.3 calls it as its task. */
function pushIdOf({ version }: A2aCall, { url, token, authentication }: PushParams): string | null {
  if (version === "0.3") return null;
  const hash = createHash("sha256")
    .update(JSON.stringify([url, token ?? "", authentication ?? null]))
    .digest("hex");
  return uuidOfHash(hash);
}

const pushInput = (call: A2aCall, push: PushParams): A2aPushInput => ({
  id: push.id ?? pushIdOf(call, push),
  url: push.url,
  token: push.token ?? null,
  scheme: push.authentication?.scheme ?? null,
  credentials: push.authentication?.credentials ?? null,
  version: call.version,
});

const wirePush = ({ taskId, id, url, scheme }: A2aPush): WirePush => ({
  taskId,
  id,
  url,
  ...(scheme !== null && { authentication: { scheme } }),
});

/** Accepts a message, and keeps what is in it. */
export async function accept(
  door: A2aDoor,
  call: A2aCall,
  { message, configuration, metadata }: ParamsOf<"SendMessage">,
): Promise<A2aTask> {
  const { gateway } = door;
  const { agentId, caller } = call;
  checkOutputModes(configuration?.acceptedOutputModes);
  const read = await readMessage({ ...door, caller }, agentId, message);
  const push = configuration?.taskPushNotificationConfig ?? null;
  return gateway.sendA2aMessage(caller, {
    agentId,
    taskId: message.taskId === undefined ? undefined : taskIdOf(message.taskId),
    contextId: message.contextId,
    ...read,
    hopsMax: metadata?.hopsMax,
    push: push === null ? null : pushInput(call, push),
  });
}

/** Waits for the task's end or its question, for as long as the door lets anybody wait. */
async function settled({ gateway, limits, openStream }: A2aDoor, call: A2aCall, task: A2aTask): Promise<A2aTask> {
  if (hasTaskEnded(task.state) || task.state === "input_required") return task;
  const { agentId, caller, leaving } = call;
  const { conversationId, id } = task;
  const close = openStream(caller);
  try {
    if (task.state === "submitted") {
      const { state, turnId } = await gateway.getRunState(caller, conversationId);
      // It waits behind a question to somebody, which may take any time.
      if (state === "paused" && turnId !== id) return task;
    }
    await gateway.awaitTurn(caller, { conversationId, turnId: id, waitMs: limits.syncWaitMs, signal: leaving.signal });
    return await gateway.getA2aTask(caller, { agentId, taskId: id });
  } finally {
    close();
  }
}

export const OPERATIONS: { [Method in PlainMethod]: Operation<Method> } = {
  async SendMessage(door, call, params) {
    const { returnImmediately = false, historyLength } = params.configuration ?? {};
    const task = await accept(door, call, params);
    return { kind: "task", task: toWireTask(returnImmediately ? task : await settled(door, call, task), { historyLength }) };
  },

  async GetTask({ gateway }, { agentId, caller }, { id, historyLength }) {
    return { kind: "task", task: toWireTask(await gateway.getA2aTask(caller, { agentId, taskId: taskIdOf(id) }), { historyLength }) };
  },

  async ListTasks({ gateway }, { agentId, caller }, params) {
    const { pageSize, historyLength, includeArtifacts: artifacts = false } = params;
    const filter = listFilter(params);
    const { items, total, next } =
      filter === null ? { items: [], total: 0, next: null } : await gateway.listA2aTasks(caller, { agentId, ...filter });
    const tasks = items.map((task) => toWireTask(task, { historyLength, artifacts }));
    return { kind: "tasks", tasks, nextPageToken: pageToken(next), pageSize, totalSize: total };
  },

  async CancelTask({ gateway }, { agentId, caller, leaving }, { id }) {
    const task = await gateway.cancelA2aTask(caller, { agentId, taskId: taskIdOf(id), signal: leaving.signal });
    return { kind: "task", task: toWireTask(task) };
  },

  async CreateTaskPushNotificationConfig({ gateway }, call, { taskId: named, ...push }) {
    const { agentId, caller } = call;
    const taskId = taskIdOf(named);
    return { kind: "push", push: wirePush(await gateway.saveA2aPush(caller, { agentId, taskId, push: pushInput(call, push) })) };
  },

  async GetTaskPushNotificationConfig({ gateway }, { agentId, caller }, { taskId, id }) {
    return { kind: "push", push: wirePush(await gateway.getA2aPush(caller, { agentId, taskId: taskIdOf(taskId), id })) };
  },

  async ListTaskPushNotificationConfigs({ gateway }, { agentId, caller }, { taskId }) {
    return { kind: "pushes", pushes: (await gateway.listA2aPushes(caller, { agentId, taskId: taskIdOf(taskId) })).map(wirePush) };
  },

  async DeleteTaskPushNotificationConfig({ gateway }, { agentId, caller }, { taskId, id }) {
    await gateway.deleteA2aPush(caller, { agentId, taskId: taskIdOf(taskId), id });
    return { kind: "nothing" };
  },

  async GetExtendedAgentCard(door, call) {
    return { kind: "card", facts: await cardFacts(door, call) };
  },
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Tasks are named by us: what is no such name is no task. */
export function taskIdOf(named: string): string {
  if (!UUID.test(named)) throw new A2aError("taskNotFound");
  return named.toLowerCase();
}
