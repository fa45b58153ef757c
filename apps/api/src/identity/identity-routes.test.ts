import { csrfTokenOf, makeSession } from "@parley/identity";
import { expect, test } from "vitest";
import { startTestApi } from "../testing/test-api.ts";
import { testCaller } from "../testing/test-gateway.ts";

test("a session cannot begin another one, and outlive itself", async () => {
  const api = await startTestApi();
  const { token } = makeSession();
  api.gateway.callers.set(token, testCaller());
  const headers = { cookie: `parley_session=${token}`, "x-csrf-token": csrfTokenOf(token) };
  expect((await fetch(`${api.url}/api/tickets`, { method: "POST", headers })).status).toBe(201);
  const answer = await fetch(`${api.url}/api/session`, { method: "POST", headers });
  expect([answer.status, await answer.json()]).toEqual([401, { error: "A session begins with a key or a token." }]);
  await api.close();
});
