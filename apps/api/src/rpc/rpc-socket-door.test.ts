import { once } from "node:events";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { startTestApi } from "../testing/test-api.ts";

test("who opens sockets too often is sent away until later, and fills no log", async () => {
  const api = await startTestApi({ limits: { streamCallsMax: 1 } });
  const open = () => new WebSocket(`${api.url.replace("http", "ws")}/ws`, { headers: { "x-api-key": api.key } });
  const first = open();
  await once(first, "open");
  const [code] = await once(open(), "close");
  expect([code, api.log.lines]).toEqual([1013, []]);
  first.terminate();
  await api.close();
});
