import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { startTestApi } from "./testing/test-api.ts";

test.each(["http://:99999", "http://a:99999", "//:x"])("a ticket behind what is no address (%s) fails nothing", async (start) => {
  const api = await startTestApi();
  const socket = connect(Number(new URL(api.url).port), "127.0.0.1");
  let heard = "";
  socket.on("data", (bytes: Buffer) => {
    heard += bytes.toString();
  });
  socket.write(`GET ${start}/media/x?ticket=agt_x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
  await once(socket, "close");
  expect(heard).toMatch(/^HTTP\/1\.1 40[14] /);
  await api.close();
});
