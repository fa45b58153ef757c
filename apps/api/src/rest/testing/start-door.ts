import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { LIMITS, type Limits } from "@parley/contracts";
import type { Log } from "@parley/domain";
import { createRateLimiter } from "@parley/identity";
import express from "express";
import { onTestFinished } from "vitest";
import { type Attachments, createAttachments } from "../../attachments.ts";
import { createOpenStreams } from "../../open-streams.ts";
import { createVisitors } from "../../visitors.ts";
import { restRoutes } from "../rest.ts";
import { FakeGateway } from "./fake-gateway.ts";

const nothing = () => {};
const silent: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silent };

/** A frame as a client reads it. */
export interface Frame {
  id: string | undefined;
  type: string;
  task_id: string;
  data: Record<string, unknown> & { id: string };
}

export interface Stream extends AsyncDisposable {
  response: Response;
  /** Reads on until a frame fits; resolves to it. */
  until(fits: (frame: Frame) => boolean): Promise<Frame>;
  /** Reads on to the end; resolves to every frame since the beginning. */
  rest(): Promise<Frame[]>;
  frames: Frame[];
  comments: string[];
  leave(): Promise<void>;
}

interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

export interface DoorUnderTest {
  fake: FakeGateway;
  attachments: Attachments;
  /** The timer's call to every stream, at a time of the test's choice. */
  beat(nowMs: number): void;
  server: Server;
  url: string;
  base: string;
  key: string;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  stream(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Stream>;
}

/** The door on a real server over a gateway in memory; closed when the test ends. */
export async function startDoor(limits: Partial<Limits> = {}): Promise<DoorUnderTest> {
  const fake = new FakeGateway();
  const key = fake.addKey("key");
  const gateway = fake.asGateway();
  const attachments = createAttachments({
    authenticate: gateway.authenticate,
    onCount: (count) => (fake.attached = count),
    lookEveryMs: 20,
  });
  const beats = new Set<(nowMs: number) => void>();
  const observed: Attachments = {
    ...attachments,
    add: (attachment) => {
      beats.add((nowMs) => attachment.beat(nowMs));
      return attachments.add(attachment);
    },
  };
  const { through } = createOpenStreams({ perCallerMax: LIMITS.streamsPerCallerMax, onOpen: () => nothing });
  const bounds = { ...LIMITS, ...limits };
  const visitorOf = createVisitors({
    authentication: { authenticate: gateway.authenticate, knows: (credential) => fake.callers.has(credential), ambientOf: () => null },
    limiter: createRateLimiter({ client: null, prefix: "test" }),
    limits: bounds,
    trustedProxies: null,
    origins: { cors: [], sockets: [] },
    tickets: { redeem: async () => null },
    queryTokens: false,
  });
  const app = express().use(
    restRoutes({ gateway, log: silent, limits: bounds, attachments: observed, openStream: through("rest"), visitorOf }),
  );
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(async () => {
    attachments.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const send = (method: string, path: string, body: unknown, headers: Record<string, string>, signal?: AbortSignal) =>
    fetch(url + path, {
      method,
      headers: { "x-api-key": key, ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" || body instanceof Uint8Array ? (body as string) : JSON.stringify(body) }),
      ...(signal && { signal }),
    });
  return {
    fake,
    attachments,
    beat: (nowMs) => beats.forEach((beat) => beat(nowMs)),
    server,
    url,
    key,
    base: `/v1/agents/${fake.agentId}/gateway`,
    async call(method, path, body, headers = {}) {
      const response = await send(method, path, body, headers);
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: text === "" ? null : JSON.parse(text) };
    },
    async stream(method, path, body, headers = {}) {
      const leaving = new AbortController();
      return readStream(await send(method, path, body, headers, leaving.signal), leaving);
    },
  };
}

function readStream(response: Response, leaving: AbortController): Stream {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const frames: Frame[] = [];
  const comments: string[] = [];
  let buffer = "";
  let looked = 0;
  async function pull(): Promise<boolean> {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    buffer += value ?? "";
    for (let end = buffer.indexOf("\n\n"); end >= 0; end = buffer.indexOf("\n\n")) {
      const text = buffer.slice(0, end);
      buffer = buffer.slice(end + 2);
      if (text.startsWith(":")) comments.push(text);
      else frames.push(parseFrame(text));
    }
    return !done;
  }
  const leave = async () => {
    leaving.abort();
    await reader?.cancel().catch(nothing);
  };
  return {
    response,
    frames,
    comments,
    async until(fits) {
      for (;;) {
        for (; looked < frames.length; looked++) {
          const frame = frames[looked];
          if (frame && fits(frame)) {
            looked++;
            return frame;
          }
        }
        if (!(await pull())) throw new Error(`the stream ended after ${frames.map(({ type }) => type).join(" ")}`);
      }
    },
    async rest() {
      while (await pull());
      return frames;
    },
    leave,
    [Symbol.asyncDispose]: leave,
  };
}

function parseFrame(text: string): Frame {
  const lines = text.split("\n");
  const data = lines.filter((line) => line.startsWith("data: "));
  if (data.length !== 1) throw new Error(`a frame has one data line, not ${data.length}`);
  return { id: lines.find((line) => line.startsWith("id: "))?.slice(4), ...JSON.parse(data[0]?.slice(6) ?? "") };
}

export const hello = { input: { text: "Hello" } };

export const types = (frames: Frame[]): string[] => frames.map(({ type }) => type);

/** Opens a turn's stream and reads to its beginning. */
export async function openTurn(door: DoorUnderTest, body: object = hello, headers?: Record<string, string>) {
  const stream = await door.stream("POST", `${door.base}/invoke/stream`, body, headers);
  const created = await stream.until(({ type }) => type === "task_created");
  return { stream, id: created.task_id };
}

/** Starts a turn that nobody watches. */
export async function startConversation(door: DoorUnderTest): Promise<string> {
  const { body } = await door.call("POST", `/v1/agents/${door.fake.agentId}/invoke/async`, hello);
  return String(body.id);
}
