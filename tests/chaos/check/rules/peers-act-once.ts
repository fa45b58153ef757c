import { eventsOf, type Facts, grouped, type PeerTaskFact, type Rule } from "../facts.ts";

/** The peers' own journal: a message comes once, each call of a model is one message, what was taken up ends once. */
function wrongAtThePeer({ peers }: Facts): string[] {
  const wrong: string[] = [];
  for (const [id, same] of grouped(peers.messages, (message) => message.id)) {
    if (same.length > 1) wrong.push(`the message ${id} was sent ${same.length} times`);
  }
  const begun = peers.messages.filter(({ taskId }) => taskId === null);
  for (const [order, same] of grouped(begun, (message) => message.order)) {
    if (new Set(same.map(({ id }) => id)).size > 1) wrong.push(`the call ${order} was sent under ${same.length} ids`);
  }
  for (const [order, same] of grouped(peers.tasks, (task) => task.order)) {
    if (same.length > 1) wrong.push(`the call ${order} is ${same.length} tasks`);
  }
  for (const { id, order, ends } of peers.tasks) {
    if (ends.length !== 1)
      wrong.push(`the task ${id} of ${order} has ended ${ends.length} times: ${ends.map(({ state }) => state).join(", ")}`);
  }
  return wrong;
}

/** What the log says came of a call is what the peer knows of it, and what nobody wants any more was cancelled unless it had ended. */
function wrongInTheLog(facts: Facts): string[] {
  const { peers } = facts;
  const wrong: string[] = [];
  const tasks = new Map(peers.tasks.map((task) => [task.order, task]));
  const finished = new Map(eventsOf(facts, "child.finished").map(({ data }) => [data.childId, data]));
  const texts = (task: PeerTaskFact): string[] => peers.messages.filter(({ taskId }) => taskId === task.id).map(({ text }) => text);
  for (const { data } of eventsOf(facts, "child.created")) {
    if (data.peer === undefined) continue;
    const order = data.peer.callId;
    const task = tasks.get(order);
    const report = finished.get(data.childId)?.report;
    const isCompleted = report?.state === "completed";
    if (isCompleted && task?.ends[0]?.state !== "completed")
      wrong.push(`the call ${order} is told as completed, and the peer has not completed it`);
    if (
      isCompleted &&
      task !== undefined &&
      ![task.text, ...texts(task)].some((text) => finished.get(data.childId)?.result?.includes(text))
    )
      wrong.push(`the call ${order} is told another answer than the peer gave: ${finished.get(data.childId)?.result}`);
    if (report?.taskId !== undefined && report.taskId !== null && report.taskId !== task?.id)
      wrong.push(`the call ${order} is told to be the task ${report.taskId}, and is ${task?.id ?? "none"}`);
    if (isCompleted && task !== undefined && peers.cancelled.includes(task.id))
      wrong.push(`the task of ${order} was cancelled, and its answer taken`);
    const row = peers.calls.find(({ id }) => id === data.childId);
    if (row?.state !== "ended") wrong.push(`the call ${order} is ${row?.state ?? "gone"} in the ledger`);
    if (task !== undefined && row?.cancelOutcome !== null && row?.cancelOutcome !== "told")
      wrong.push(`the call ${order} was given up as ${row?.cancelOutcome}, and the peer has the task ${task.id}`);
  }
  return wrong;
}

/** A peer is sent each call once, keeps no task that nobody wants, and what is told of a call is what came of it. */
export const peersActOnce: Rule = (facts) => [...wrongAtThePeer(facts), ...wrongInTheLog(facts)];
