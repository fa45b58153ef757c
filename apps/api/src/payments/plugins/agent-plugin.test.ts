import { LIMITS } from "@parley/contracts";
import type { Gateway } from "@parley/domain";
import { expect, it } from "vitest";
import { createPlugins } from "../create-plugins.ts";
import { guestOf } from "../guest.ts";
import { agentPlugin } from "./agent-plugin.ts";
import type { Json } from "./plugin.ts";

const SOLD = "0198f3c0-0000-7000-8000-000000000001";
const OTHER = "0198f3c0-0000-7000-8000-000000000002";

/** What a plugin says of a call before anybody pays; null: it can be made. */
async function refusalOf(name: string, body: Json, isGuest = false): Promise<string | null> {
  const gateway = {
    ...{ listAgents: async () => ({ items: [{ id: SOLD }] }), getAgent: async (_: unknown, id: string) => ({ id }) },
    resolveModel: () => ({ kind: "models", models: ["m"] }),
  } as unknown as Gateway;
  const settings = { organizationId: null, soldAgentId: null, models: { text: "m", speech: "m", transcription: "m" }, custom: {} };
  const ports = { gateway, limits: LIMITS, openStream: () => () => undefined };
  const plugin = createPlugins({ ...settings, fetch: () => Promise.reject(new Error("not asked for")) }, ports).get(name);
  const call = { caller: guestOf("o", "guest"), isGuest, body, requestId: "r", signal: new AbortController().signal };
  return (
    plugin?.prepare(call).then(
      () => null,
      (error: Error) => error.message,
    ) ?? "not there"
  );
}

const said = (message: unknown) => ({ messages: [{ role: "user", content: "x" }, message] });
const call = { role: "assistant", tool_calls: [] };

it.each<[plugin: string, body: Json, refusal: string | null]>([
  ["agent", { message: "x", conversationId: 5 }, "conversationId: must be text"],
  ["agent", { message: "x", agentId: {} }, "agentId: must be text"],
  ["agent", { message: "x", agent_id: 5 }, "agent_id: must be text"],
  ["agent", { message: 5, prompt: "x" }, "message: must be text"],
  ["agent", { message: "x", agentId: null, conversationId: "", model: 5, more: [] }, null],
  ["generate-text", { prompt: "x", model: 5 }, "model: must be text"],
  ["generate-text", { prompt: "x", messages: "x" }, "messages: must be a list"],
  ["generate-text", { messages: ["x"] }, "messages.0: must be an object"],
  ["generate-text", said({ role: "user", content: 5 }), "messages.1.content: must be text or a list of parts"],
  ["generate-text", said({ role: "user", content: ["x"] }), "messages.1.content: must be text or a list of parts"],
  ["generate-text", said({ content: "x" }), "messages.1.role: must be text"],
  ["generate-text", said(call), null],
  ["generate-text", said({ ...call, content: null }), null],
  ["generate-text", said({ role: "user", content: [{ type: "text", text: "x" }] }), null],
  ["tts", { text: "x", voice: 5 }, "voice: must be text"],
  ["tts", { text: "x", model: [] }, "model: must be text"],
  ["tts", { text: "x", voice: "a", speed: 2 }, null],
  ["stt", { audio: "eHh4", model: 5 }, "model: must be text"],
  ["stt", { audio: 5 }, "audio: must be text"],
  ["stt", { audio: "eHh4", language: 5 }, null],
])(
  "%s passes over nothing that it knows and that is of another type, and over all that it does not know: %j",
  async (name, body, refusal) => {
    expect(await refusalOf(name, body)).toBe(refusal);
  },
);

it("a guest is told that an agent is not theirs to choose; the one that guests talk to may be named", async () => {
  const message = "Hi";
  for (const agentId of [SOLD, SOLD.toUpperCase()]) expect(await refusalOf("agent", { message, agentId }, true)).toBeNull();
  expect(await refusalOf("agent", { message, agentId: OTHER }, true)).toBe("Only the holder of a key chooses an agent.");
  expect(await refusalOf("agent", { message, agentId: OTHER }, false)).toBeNull();
});

it("of an organization without an agent has failed, and the log says why: its caller cannot mend that", async () => {
  const gateway = { listAgents: async () => ({ items: [] }) } as unknown as Gateway;
  const plugin = agentPlugin({ gateway, limits: LIMITS, openStream: () => () => undefined, soldAgentId: null });
  const call = {
    caller: guestOf("o", "guest"),
    isGuest: true,
    body: { message: "Hi" },
    requestId: "r",
    signal: new AbortController().signal,
  };
  await expect(plugin.prepare(call)).rejects.toMatchObject({ code: "plugin_failed", detail: "the organization has no agent" });
});
