import { sendJson } from "../send-json.ts";
import { beforeCursor, type Call, type Handler, onAgent, onceOf, onTask } from "./call.ts";
import { threadMessageRow } from "./conversation-row.ts";
import { executionRow, taskPage } from "./execution-row.ts";
import { readListFilter } from "./list-query.ts";
import { parse } from "./parse.ts";
import { deleteQuery } from "./wire-input.ts";

export const getTask: Handler = async ({ gateway }, call) => {
  sendJson(call.response, 200, executionRow(await gateway.getExecution(call.caller, onTask(call))));
};

/** The newest part of a thread. Its shape has no place for where the rest is: that stands in a `Link`, as the next page. */
export const getThread: Handler = async ({ gateway }, call) => {
  const { messages, older } = await gateway.getThread(call.caller, { executionId: onTask(call), before: beforeCursor(call.request) });
  linkOlder(call, older);
  sendJson(call.response, 200, messages.map(threadMessageRow));
};

/** The root's thread under `root`, under their ids those of the children that these turns have started. */
export const getFullThread: Handler = async ({ gateway }, call) => {
  const wanted = { executionId: onTask(call), before: beforeCursor(call.request) };
  const { threads, older, childrenLeftOut } = await gateway.getFullThread(call.caller, wanted);
  linkOlder(call, older);
  if (childrenLeftOut > 0) call.response.setHeader("x-children-left-out", childrenLeftOut);
  sendJson(call.response, 200, Object.fromEntries(Object.entries(threads).map(([id, thread]) => [id, thread.map(threadMessageRow)])));
};

function linkOlder({ request, response }: Call, older: string | null): void {
  if (older !== null) response.setHeader("link", `<${request.path}?before=${older}>; rel="next"`);
}

/** Under an agent's path that agent is the filter, whatever the query says; one that the caller does not have is not found. */
export const listTasks: Handler = async ({ gateway, limits }, call) => {
  const path = "agentId" in call.request.params ? onAgent(call) : undefined;
  const filter = readListFilter(call.request.query, limits.pageMax);
  if (path !== undefined) await gateway.getAgent(path.caller, path.agentId);
  const page = await gateway.listExecutions(path?.caller ?? call.caller, { ...filter, agentId: path?.agentId ?? filter.agentId });
  sendJson(call.response, 200, taskPage(page));
};

/** A task that has ended is answered as it is. */
export const stopTask: Handler = async ({ gateway }, call) => {
  sendJson(call.response, 200, executionRow(await gateway.stopExecution(call.caller, onTask(call), onceOf(call))));
};

/** With a conversation goes what was learned in it and nowhere else, unless `?memories=keep`. */
export const deleteTask: Handler = async ({ gateway }, call) => {
  const id = onTask(call);
  const { memories } = parse(deleteQuery, call.request.query, "query");
  await gateway.deleteExecution(call.caller, { executionId: id, memories }, onceOf(call));
  sendJson(call.response, 200, { id, deleted: true });
};
