import { describe, expect, test } from "vitest";
import { STATE_MARK, tolerantResult } from "./tolerant-result.ts";

const task = (more: object) => tolerantResult({ id: "t", status: { state: "working" }, ...more });
const stateOf = (state: unknown) => {
  const { status, metadata } = task({ status: { state } }) as { status: { state: string }; metadata: Record<string, unknown> };
  return status.state === "unknown" ? metadata[STATE_MARK] : status.state;
};

const STATES = ["submitted", "working", "completed", "failed", "canceled", "rejected", "input-required", "auth-required"];
/** Of a family of peers: the protocol has no word for them. */
const MORE = ["payment-required", "trust-verification-required"];

describe("a state", () => {
  test.each([...STATES, ...MORE])("%s is read however it is written", (state) => {
    const snake = state.replaceAll("-", "_");
    const named = `TASK_STATE_${snake.toUpperCase()}`;
    for (const written of [state, snake, state.toUpperCase(), snake.toUpperCase(), named, named.toLowerCase()])
      expect([written, stateOf(written)]).toEqual([written, state]);
  });

  test.each(["cancelled", "CANCELLED", "TASK_STATE_CANCELLED"])("%s, with two l's, is canceled", (written) => {
    expect(stateOf(written)).toBe("canceled");
  });

  test.each([
    "pending",
    "suspended",
    "resumed",
    "unknown",
    "TASK_STATE_UNSPECIFIED",
    "negotiation-bid-submitted",
    "",
    7,
    null,
    undefined,
    {},
  ])("%j is work under way", (written) => {
    expect(stateOf(written)).toBe("working");
  });
});

describe("a task", () => {
  const camel = {
    id: "t",
    contextId: "c",
    kind: "task",
    status: { state: "completed", message: { kind: "message", messageId: "m", role: "agent", parts: [{ kind: "text", text: "why" }] } },
    artifacts: [{ artifactId: "a", name: "answer", parts: [{ kind: "text", text: "hi" }] }],
  };

  test.each<[string, object]>([
    ["as the protocol has it", camel],
    [
      "in snake_case, its history and chunks too",
      {
        ...{ id: "t", context_id: "c", kind: "task", history: [{ message_id: "h", reference_task_ids: [] }] },
        status: {
          state: "completed",
          message: { kind: "message", message_id: "m", role: "agent", parts: [{ kind: "text", text: "why" }] },
        },
        artifacts: [{ artifact_id: "a", last_chunk: true, name: "answer", parts: [{ kind: "text", text: "hi" }] }],
      },
    ],
    [
      "without kinds, and called by task_id",
      {
        ...{ task_id: "t", context_id: "c", artifacts: [{ artifactId: "a", name: "answer", parts: [{ text: "hi" }] }] },
        status: { state: "TASK_STATE_COMPLETED", message: { messageId: "m", role: "ROLE_AGENT", parts: [{ text: "why" }] } },
      },
    ],
    [
      "with texts where parts belong",
      {
        ...camel,
        status: { state: "completed", message: { messageId: "m", parts: ["why"] } },
        artifacts: [{ artifactId: "a", name: "answer", parts: ["hi"] }],
      },
    ],
  ])("%s is the same task", (_how, written) => {
    expect(tolerantResult(written)).toMatchObject(camel);
  });

  test("whose status has a text for a message, and no lists, is one", () => {
    expect(task({ status: { state: "failed", message: "It broke." }, artifacts: null })).toMatchObject({
      contextId: "",
      status: { state: "failed", message: { role: "agent", parts: [{ kind: "text", text: "It broke." }] } },
      artifacts: [],
    });
  });

  test("whose words are signed keeps the signatures as they are named", () => {
    const metadata = { "did.message.signature": "s", some_name: 1 };
    const parts = [{ kind: "text", text: "hi", metadata }];
    expect(task({ artifacts: [{ artifact_id: "a", parts }] })).toMatchObject({ artifacts: [{ parts: [{ metadata }] }] });
  });
});

describe("a part", () => {
  const partOf = (part: unknown) =>
    (task({ artifacts: [{ artifactId: "a", parts: [part] }] }) as { artifacts: { parts: unknown[] }[] }).artifacts[0]?.parts;
  test.each<[unknown, unknown[]]>([
    [{ kind: "text", text: "hi" }, [{ kind: "text", text: "hi" }]],
    [{ text: "hi" }, [{ kind: "text", text: "hi" }]],
    ["hi", [{ kind: "text", text: "hi" }]],
    [
      { kind: "file", file: { bytes: "AA==", mime_type: "image/png", name: "a.png" } },
      [{ kind: "file", file: { bytes: "AA==", mimeType: "image/png", name: "a.png" } }],
    ],
    [{ file: { uri: "https://a.example/b" } }, [{ kind: "file", file: { uri: "https://a.example/b" } }]],
    [{ file: { url: "https://a.example/b", filename: "b" } }, [{ kind: "file", file: { uri: "https://a.example/b", name: "b" } }]],
    [{ kind: "file", file: {}, text: "its words" }, [{ kind: "text", text: "its words" }]],
    [{ kind: "data", data: { some_name: 1 }, text: "beside it" }, [{ kind: "data", data: { some_name: 1 } }]],
    [{ data: [1, 2] }, [{ kind: "data", data: { value: [1, 2] } }]],
    [{ kind: "data", data: null }, []],
    [{ kind: "sound" }, []],
    [7, []],
    [null, []],
  ])("%j is read", (written, read) => {
    expect(partOf(written)).toEqual(read);
  });
});

describe("an event", () => {
  test.each<[object, object]>([
    [
      { task_id: "t", context_id: "c", kind: "status-update", status: { state: "input_required", message: "Which?" }, final: true },
      {
        kind: "status-update",
        taskId: "t",
        contextId: "c",
        status: { state: "input-required", message: { parts: [{ text: "Which?" }] } },
        final: true,
      },
    ],
    [
      { taskId: "t", contextId: "c", status: { state: "payment-required" } },
      { kind: "status-update", status: { state: "unknown" }, metadata: { [STATE_MARK]: "payment-required" } },
    ],
    [
      { task_id: "t", context_id: "c", artifact: { artifact_id: "a", parts: [{ text: "hi" }] }, append: true, last_chunk: true },
      {
        kind: "artifact-update",
        taskId: "t",
        contextId: "c",
        append: true,
        lastChunk: true,
        artifact: { artifactId: "a", parts: [{ kind: "text", text: "hi" }] },
      },
    ],
    [
      { message_id: "m", role: "agent", parts: ["hi"], task_id: "t" },
      { kind: "message", messageId: "m", role: "agent", taskId: "t", parts: [{ kind: "text", text: "hi" }] },
    ],
  ])("%j is read", (written, read) => {
    expect(tolerantResult(written)).toMatchObject(read);
  });

  test.each([null, 7, "text", [], {}])("%j is left to be refused", (written) => {
    expect(tolerantResult(written)).toEqual(written);
  });
});
