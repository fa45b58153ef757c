import { type Memory, newId } from "@parley/contracts";
import { expect, test } from "vitest";
import { startDoor } from "./testing/start-door.ts";

const memory = (agentId: string): Memory => ({
  id: newId(),
  scope: "user",
  scopeId: "ann@example.org",
  agentId,
  text: "Likes tea.",
  tainted: false,
  conversationId: newId(),
  turnNumber: 3,
  createdAt: "2026-01-01T00:00:00.000Z",
});

test("memories are listed as rows, by page and filter", async () => {
  const door = await startDoor();
  const kept = memory(door.fake.agentId);
  door.fake.memories.push(kept);
  const query = `scope=user&user_email=ann%40example.org&agent_id=${door.fake.agentId}&query=tea&page=1&per_page=5`;
  expect(await door.call("GET", `/v1/memories?${query}`)).toMatchObject({
    status: 200,
    body: {
      items: [
        {
          id: kept.id,
          scope: "user",
          scope_id: "ann@example.org",
          agent_id: kept.agentId,
          text: "Likes tea.",
          tainted: false,
          conversation_id: kept.conversationId,
          turn_number: 3,
          created_at: kept.createdAt,
        },
      ],
      total: 1,
      page: 1,
      per_page: 5,
      total_pages: 1,
    },
  });
  const filter = { scope: "user", userEmail: "ann@example.org", agentId: door.fake.agentId, query: "tea", page: 1, perPage: 5 };
  expect(door.fake.calls).toEqual([expect.objectContaining({ name: "listMemories", input: filter })]);
});

test("a filter that does not fit is refused with its place", async () => {
  const door = await startDoor();
  for (const [query, place] of [
    ["scope=planet", "scope"],
    ["agent_id=me", "agent_id"],
    ["per_page=51", "per_page"],
    ["page=0", "page"],
  ]) {
    expect(await door.call("GET", `/v1/memories?${query}`)).toMatchObject({ status: 422, body: { detail: [{ loc: ["query", place] }] } });
  }
});

test("a memory is forgotten once, what is no memory is not found, and only GET and DELETE are served", async () => {
  const door = await startDoor();
  const { id } = memory(door.fake.agentId);
  door.fake.memories.push({ ...memory(door.fake.agentId), id });
  expect(await door.call("DELETE", `/v1/memories/${id}`)).toMatchObject({ status: 200, body: { id, deleted: true } });
  expect(await door.call("DELETE", `/v1/memories/${id}`)).toMatchObject({ status: 404, body: { detail: "Not found." } });
  expect(await door.call("DELETE", "/v1/memories/one")).toMatchObject({ status: 422 });
  expect(await door.call("POST", "/v1/memories", {})).toMatchObject({ status: 405 });
  expect(await door.call("GET", "/v1/memories/a/b")).toMatchObject({ status: 404, body: { detail: "Not found." } });
});
