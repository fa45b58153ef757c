import { afterEach, describe, expect, test } from "vitest";
import type { PeerManner } from "./peer-manner.ts";
import { type PeerServer, startPeerServer } from "./peer-server.ts";

let peer: PeerServer;
afterEach(() => peer?.close());

const post = (method: string, params: object, version?: string) =>
  fetch(peer.url, {
    method: "POST",
    redirect: "manual",
    headers: { "content-type": "application/json", ...(version === undefined ? {} : { "a2a-version": version }) },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
const ask = async (method: string, params: object, version?: string): Promise<Record<string, unknown>> =>
  (await post(method, params, version)).json() as Promise<Record<string, unknown>>;
const message = (text: string) => ({ message: { messageId: `m-${text}`, kind: "message", role: "user", parts: [{ kind: "text", text }] } });

describe("a peer that", () => {
  test.each<[PeerManner, string]>([
    ["completes", "completed"],
    ["streams", "completed"],
    ["signs", "completed"],
    ["signs-wrongly", "completed"],
    ["asks-input", "input-required"],
    ["rejects", "rejected"],
    ["fails", "failed"],
  ])("%s ends as %s, in 0.3 and in 1.0", async (manner, state) => {
    peer = await startPeerServer({ manner, answer: (text) => `re ${text}` });
    expect(await ask("message/send", message("hi"))).toMatchObject({ result: { status: { state } } });
    const { result } = await ask("SendMessage", { message: { messageId: "m2", role: "ROLE_USER", parts: [{ text: "hi" }] } }, "1.0");
    const named = `TASK_STATE_${state.toUpperCase().replace("-", "_")}`;
    expect(result).toMatchObject({ task: { status: { state: named } } });
    expect(peer.messageIds()).toEqual(["m-hi", "m2"]);
    expect(peer.journal.map(({ text, version }) => [text, version])).toEqual([
      ["hi", null],
      ["hi", "1.0"],
    ]);
  });

  test("asks for more goes on with the same task", async () => {
    peer = await startPeerServer({ manner: "asks-input" });
    const { result } = (await ask("message/send", message("hi"))) as { result: { id: string; contextId: string } };
    const more = { message: { ...message("more").message, taskId: result.id, contextId: result.contextId } };
    expect(await ask("message/send", more)).toMatchObject({ result: { id: result.id, status: { state: "completed" } } });
    expect(peer.journal.at(-1)).toMatchObject({ taskId: result.id, messageId: "m-more" });
  });

  test("speaks in snake case takes nothing else, and works for one look", async () => {
    peer = await startPeerServer({ manner: "snake-case" });
    const { result } = (await ask("message/send", message("hi"))) as { result: { id: string; context_id: string } };
    expect(result.context_id).toEqual(expect.any(String));
    expect(await ask("tasks/get", { taskId: result.id })).toMatchObject({ error: { code: -32700 } });
    expect(await ask("tasks/get", { task_id: result.id })).toMatchObject({ result: { status: { state: "working" } } });
    expect(await ask("tasks/get", { task_id: result.id })).toMatchObject({ result: { artifacts: [{ parts: [{ text: "hi" }] }] } });
  });

  test("dies cuts the call, and listens again when it is told to", async () => {
    peer = await startPeerServer({ manner: "dies" });
    await expect(post("message/send", message("hi"))).rejects.toThrow();
    await expect(post("message/send", message("hi"))).rejects.toThrow();
    await peer.revive();
    expect(peer.messageIds()).toEqual(["m-hi"]);
    expect((await fetch(`${peer.url}/.well-known/agent.json`)).status).toBe(200);
  });

  test("redirects sends everybody to the metadata address", async () => {
    peer = await startPeerServer({ manner: "redirects" });
    expect((await post("message/send", message("hi"))).headers.get("location")).toContain("169.254.169.254");
  });
});
