import {
  type A2aMethod,
  agentCard,
  type CardFacts,
  hybridCard,
  legacyPush,
  legacyRestCard,
  legacyRestPush,
  legacyRestTask,
  legacyTask,
  type WirePush,
  type WireTask,
} from "@parley/peers";

/** What an operation answers, before it is said in a version and a binding. */
export type Result =
  | { kind: "task"; task: WireTask }
  | { kind: "tasks"; tasks: WireTask[]; nextPageToken: string; pageSize: number; totalSize: number }
  | { kind: "push"; push: WirePush }
  | { kind: "pushes"; pushes: WirePush[] }
  | { kind: "nothing" }
  | { kind: "card"; facts: CardFacts };

/** As version 1.0 says it, in both bindings alike. */
function current(method: A2aMethod, result: Result): unknown {
  switch (result.kind) {
    case "task":
      return method === "SendMessage" ? { task: result.task } : result.task;
    case "tasks": {
      const { kind: _, ...page } = result;
      return page;
    }
    case "push":
      return result.push;
    case "pushes":
      return { configs: result.pushes, nextPageToken: "" };
    case "card":
      return agentCard(result.facts);
    case "nothing":
      return null;
  }
}

/** As the JSON-RPC of version 0.3 says it. */
function legacy(result: Result): unknown {
  switch (result.kind) {
    case "task":
      return legacyTask(result.task);
    case "tasks":
      return result.tasks.map(legacyTask);
    case "push":
      return legacyPush(result.push);
    case "pushes":
      return result.pushes.map(legacyPush);
    case "card":
      return hybridCard(result.facts);
    case "nothing":
      return null;
  }
}

/** As the HTTP+JSON of version 0.3 says it. */
function legacyRest(method: A2aMethod, result: Result): unknown {
  switch (result.kind) {
    case "task":
      return method === "SendMessage" ? { task: legacyRestTask(result.task) } : legacyRestTask(result.task);
    case "tasks":
      return { tasks: result.tasks.map(legacyRestTask), nextPageToken: result.nextPageToken };
    case "push":
      return legacyRestPush(result.push);
    case "pushes":
      return { configs: result.pushes.map(legacyRestPush), nextPageToken: "" };
    case "card":
      return legacyRestCard(result.facts);
    case "nothing":
      return null;
  }
}

export const rpcResult = (version: "1.0" | "0.3", method: A2aMethod, result: Result): unknown =>
  version === "1.0" ? current(method, result) : legacy(result);

export const restResult = (version: "1.0" | "0.3", method: A2aMethod, result: Result): unknown =>
  version === "1.0" ? current(method, result) : legacyRest(method, result);
