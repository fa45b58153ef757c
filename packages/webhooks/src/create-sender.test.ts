import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createEgress } from "@parley/egress";
import { Webhook } from "standardwebhooks";
import { afterEach, expect, test } from "vitest";
import { createSender } from "./create-sender.ts";

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

async function receiver(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const egress = createEgress({ allow: [host] });
  opened.push(egress, {
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return { url: `http://${host}/in`, send: createSender(egress) };
}

const secretOf = (letter: string): string => `whsec_${Buffer.alloc(32, letter).toString("base64")}`;
const webhook = {
  id: "msg-1",
  body: '{"type":"x"}',
  secrets: [secretOf("a"), secretOf("b")],
  timeoutMs: 5_000,
  signal: new AbortController().signal,
};

test("a verifier of Standard Webhooks takes it, under either secret, and refuses it once it was changed", async () => {
  let seen: { headers: Record<string, string>; text: string } | undefined;
  const { url, send } = await receiver((request, response) => {
    let text = "";
    request.on("data", (chunk) => {
      text += chunk;
    });
    request.on("end", () => {
      seen = { headers: request.headers as Record<string, string>, text };
      response.end("fine");
    });
  });
  expect(await send({ ...webhook, url })).toEqual({ status: 200, error: null, retryAfterMs: null });
  const verify = (secret: string, text = seen?.text ?? "") => new Webhook(secret).verify(text, seen?.headers ?? {});
  for (const secret of webhook.secrets) expect(verify(secret)).toEqual({ type: "x" });
  expect(() => verify(secretOf("c"))).toThrow();
  expect(() => verify(secretOf("a"), '{"type":"y"}')).toThrow();
});

test("what went wrong is told apart: a status with its pause, silence, an address that may not be called, one that nobody is at", async () => {
  const busy = await receiver((_, response) => response.writeHead(429, { "retry-after": "7" }).end());
  expect(await busy.send({ ...webhook, url: busy.url })).toEqual({ status: 429, error: null, retryAfterMs: 7_000 });
  const silent = await receiver(() => undefined);
  expect(await silent.send({ ...webhook, url: silent.url, timeoutMs: 100 })).toMatchObject({ status: null, error: "timeout" });
  expect(await silent.send({ ...webhook, url: "http://127.0.0.1:1/" })).toMatchObject({ status: null, error: "egress_refused" });
  expect(await silent.send({ ...webhook, url: "http://does-not-exist.invalid/" })).toMatchObject({ status: null, error: "egress_failed" });
  await expect(silent.send({ ...webhook, url: silent.url, signal: AbortSignal.abort(new Error("stop")) })).rejects.toThrow("stop");
});

test("a redirect is an answer and is not followed", async () => {
  let calls = 0;
  const { url, send } = await receiver((_, response) => {
    calls += 1;
    response.writeHead(302, { location: "/other" }).end();
  });
  expect(await send({ ...webhook, url })).toMatchObject({ status: 302 });
  expect(calls).toBe(1);
});
