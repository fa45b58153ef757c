import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Response } from "express";
import { expect, test } from "vitest";
import { nameConversation } from "./call.ts";

test.each([
  ["before the head is out the conversation is named in it", false, "c-1"],
  ["behind it the answer goes on without", true, null],
])("%s", async (_name, isOut, named) => {
  const server = createServer((_request, response: ServerResponse) => {
    if (isOut) response.write(": keepalive\n\n");
    nameConversation({ response: response as Response }, "c-1");
    response.end("whole");
  }).listen(0);
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  expect([answer.headers.get("x-conversation-id"), (await answer.text()).endsWith("whole")]).toEqual([named, true]);
  server.close();
});
