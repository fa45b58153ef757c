import { type Handler, onAgent, onceOf, onTask } from "./call.ts";
import { threadMessageRow } from "./conversation-row.ts";
import { executionRow, taskPage } from "./execution-row.ts";
import { readListFilter } from "./list-query.ts";
import { sendJson } from "./send-error.ts";

export const getTask: Handler = async ({ gateway }, call) => {
  sendJson(call.response, 200, executionRow(await gateway.getExecution(call.caller, onTask(call))));
};

export const getThread: Handler = async ({ gateway }, call) => {
  const thread = await gateway.getThread(call.caller, onTask(call));
  sendJson(call.response, 200, thread.map(threadMessageRow));
};

/** The root's thread under `root`, each child's under its id. */
export const getFullThread: Handler = async ({ gateway }, call) => {
  const threads = await gateway.getFullThread(call.caller, onTask(call));
  sendJson(call.response, 200, Object.fromEntries(Object.entries(threads).map(([id, thread]) => [id, thread.map(threadMessageRow)])));
};

/** Under an agent's path that agent is the filter, whatever the query says. */
export const listTasks: Handler = async ({ gateway, limits }, call) => {
  const path = "agentId" in call.request.params ? onAgent(call) : undefined;
  const filter = readListFilter(call.request.query, limits.pageMax);
  const page = await gateway.listExecutions(path?.caller ?? call.caller, { ...filter, agentId: path?.agentId ?? filter.agentId });
  sendJson(call.response, 200, taskPage(page));
};

/** A task that has ended is answered as it is. */
export const stopTask: Handler = async ({ gateway }, call) => {
  sendJson(call.response, 200, executionRow(await gateway.stopExecution(call.caller, onTask(call), onceOf(call))));
};

export const deleteTask: Handler = async ({ gateway }, call) => {
  const id = onTask(call);
  await gateway.deleteExecution(call.caller, id, onceOf(call));
  sendJson(call.response, 200, { id, deleted: true });
};
