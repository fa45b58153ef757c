import { newId } from "@parley/contracts";
import { ROUTES, type RouteName, routeRow } from "@parley/router";
import { expect, test } from "vitest";
import { hello, startConversation, startDoor } from "./testing/start-door.ts";

/** They have their own envelope and their own tests. */
const isOfOpenaiDoor = (name: RouteName): boolean => /^(?:openai|responses)\./.test(name);

test("every route of the registry is served here, to callers with its scope only", async () => {
  const door = await startDoor();
  door.fake.addKey("no-scope", { scopes: new Set() });
  const rows = (Object.keys(ROUTES) as RouteName[]).flatMap((name) =>
    (routeRow(name).rest ?? []).filter(({ path }) => path.startsWith("/v1/") && !isOfOpenaiDoor(name)),
  );
  expect(rows.length).toBeGreaterThan(25);
  for (const { method, path } of rows) {
    const concrete = path.replace(":agentId", door.fake.agentId).replace(/:\w+/g, () => newId());
    expect([path, (await door.call(method, concrete, undefined, { "x-api-key": "" })).status]).toEqual([path, 401]);
    expect([path, (await door.call(method, concrete, undefined, { "x-api-key": "no-scope" })).status]).toEqual([path, 403]);
  }
});

test("a foreign organization's key, a narrower key and another agent's path all find nothing", async () => {
  const door = await startDoor({ syncWaitMs: 0 });
  const id = await startConversation(door);
  door.fake.addKey("foreign", { organizationId: newId() });
  door.fake.addKey("narrow", { agentIds: new Set([door.fake.otherAgentId]) });
  const conversation = (agentId: string) => `/v1/agents/${agentId}/gateway/conversations/${id}`;
  const own = conversation(door.fake.agentId);
  const routes: [method: string, path: string, body?: unknown][] = [
    ["GET", own],
    ["GET", `${own}/run-state`],
    ["GET", `${own}/events`],
    ["POST", `${own}/messages`, { text: "Hi" }],
    ["POST", `${own}/drain/stream`],
    ["POST", `${own}/stop`],
    ["DELETE", `${own}/queue`],
    ["DELETE", `${own}/queue/${newId()}`],
    ["GET", `/v1/tasks/${id}`],
    ["GET", `/v1/tasks/${id}/thread`],
    ["GET", `/v1/tasks/${id}/thread/full`],
    ["POST", `/v1/tasks/${id}/stop`],
    ["DELETE", `/v1/tasks/${id}`],
    ["POST", `${door.base}/invoke`, { ...hello, id }],
  ];
  for (const [method, path, body] of routes) {
    for (const key of ["foreign", "narrow"]) {
      const answer = await door.call(method, path, body, { "x-api-key": key });
      expect([key, method, path, answer.status, answer.body]).toEqual([key, method, path, 404, { detail: "Not found." }]);
    }
  }
  const onOther = conversation(door.fake.otherAgentId);
  for (const [method, tail] of [
    ["GET", ""],
    ["GET", "/run-state"],
    ["GET", "/events"],
    ["POST", "/stop"],
    ["POST", "/drain/stream"],
    ["DELETE", "/queue"],
  ] as const) {
    expect([method, tail, (await door.call(method, onOther + tail)).status]).toEqual([method, tail, 404]);
  }
  expect(door.fake.conversation(id).execution.status).toBe("pending");
});
