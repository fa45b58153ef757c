import type { RestClient, RestEvent, RestRequest } from "@parley/testkit";

/** The REST door's routes for one agent, on one replica with one key. */
export const gatewayOf = (rest: RestClient, agentId: string) => {
  const base = `/v1/agents/${agentId}/gateway`;
  const on = (conversationId: string, tail = ""): string => `${base}/conversations/${conversationId}${tail}`;
  const resuming = (after: string | null | undefined): RestRequest => ({ headers: after ? { "last-event-id": after } : {} });
  return {
    invoke: (text: string, more: object = {}) => rest.call(`${base}/invoke`, { body: { input: { text }, ...more } }),
    stream: (text: string, more: object = {}): AsyncGenerator<RestEvent, void> =>
      rest.stream(`${base}/invoke/stream`, { body: { input: { text }, ...more } }),
    message: (id: string, body: object) => rest.call(on(id, "/messages"), { body }),
    events: (id: string, after?: string | null): AsyncGenerator<RestEvent, void> => rest.stream(on(id, "/events"), resuming(after)),
    drain: (id: string, after?: string | null): AsyncGenerator<RestEvent, void> =>
      rest.stream(on(id, "/drain/stream"), { method: "POST", ...resuming(after) }),
    stop: (id: string, body: object = {}) => rest.call(on(id, "/stop"), { body }),
    cancel: (id: string, messageId: string) => rest.call(on(id, `/queue/${messageId}`), { method: "DELETE" }),
    clear: (id: string) => rest.call(on(id, "/queue"), { method: "DELETE" }),
    change: (id: string, messageId: string, body: object) => rest.call(on(id, `/queue/${messageId}`), { method: "PATCH", body }),
    read: (id: string, messageId: string) => rest.call(on(id, `/messages/${messageId}`)),
    /** The answer whole: for what is refused. */
    answer: (id: string, body: object) => rest.call(on(id, "/answers"), { body }),
    answers: (id: string, body: object): AsyncGenerator<RestEvent, void> => rest.stream(on(id, "/answers"), { body }),
    decide: (id: string, cardId: string, body: object) => rest.call(on(id, `/approvals/${cardId}`), { body }),
    edit: (id: string, messageId: string, body: object) => rest.call(on(id, `/edit/${messageId}`), { body }),
    editStream: (id: string, messageId: string, body: object): AsyncGenerator<RestEvent, void> =>
      rest.stream(on(id, `/edit/${messageId}/stream`), { body }),
    get: (id: string, query = "") => rest.call(on(id, query)),
    state: (id: string) => rest.call(on(id, "/run-state")),
    task: (id: string) => rest.call(`/v1/tasks/${id}`),
  };
};
