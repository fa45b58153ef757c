import { expect, test } from "vitest";
import { A2aError } from "./a2a-errors.ts";
import { fromLegacy, fromLegacyRest } from "./from-legacy.ts";
import { readParams } from "./read-params.ts";

const message = { messageId: "m", role: "ROLE_USER", parts: [{ text: "Hello" }] };

test("both versions of a message are read alike, in every binding", () => {
  const wanted = {
    message: {
      messageId: "m",
      role: "ROLE_USER",
      parts: [{ text: "Hello" }, { raw: "AA==", mediaType: "image/png", filename: "a.png" }, { data: { a: 1 } }],
    },
    configuration: {
      returnImmediately: true,
      taskPushNotificationConfig: { url: "https://a.example/", authentication: { scheme: "Bearer", credentials: "s" } },
    },
  };
  const current = readParams("SendMessage", wanted);
  const push = { url: "https://a.example/", authentication: { schemes: ["Bearer", "Basic"], credentials: "s" } };
  const legacy = {
    message: {
      kind: "message",
      messageId: "m",
      role: "user",
      parts: [
        { kind: "text", text: "Hello" },
        { kind: "file", file: { bytes: "AA==", mimeType: "image/png", name: "a.png" } },
        { kind: "data", data: { a: 1 } },
      ],
    },
    configuration: { blocking: false, pushNotificationConfig: push },
  };
  const rest = {
    request: {
      messageId: "m",
      role: "ROLE_USER",
      content: [{ text: "Hello" }, { file: { fileWithBytes: "AA==", mimeType: "image/png", name: "a.png" } }, { data: { data: { a: 1 } } }],
    },
    // What is false is not there.
    configuration: { pushNotification: push },
  };
  expect(readParams("SendMessage", fromLegacy("SendMessage", legacy))).toEqual(current);
  expect(readParams("SendMessage", fromLegacyRest("SendMessage", rest))).toEqual(current);
});

test("whoever does not say whether they wait does, and what is empty counts as absent", () => {
  const { configuration, message: read } = readParams(
    "SendMessage",
    fromLegacy("SendMessage", { message: { ...message, taskId: "", contextId: null } }),
  );
  expect(configuration?.returnImmediately).toBeUndefined();
  expect([read.taskId, read.contextId]).toEqual([undefined, undefined]);
});

test("names of protobuf are as good as those of JSON, and what clients bring of their own is left alone", () => {
  const odd = {
    message: {
      message_id: "m",
      role: "ROLE_USER",
      parts: [{ data: { some_name: 1 }, media_type: "application/json" }],
      metadata: { my_name: 1 },
    },
  };
  expect(readParams("SendMessage", odd).message).toMatchObject({
    messageId: "m",
    parts: [{ data: { some_name: 1 }, mediaType: "application/json" }],
    metadata: { my_name: 1 },
  });
});

test.each<[string, unknown]>([
  ["no message", {}],
  ["no parts", { message: { ...message, parts: [] } }],
  ["a part of two things", { message: { ...message, parts: [{ text: "a", url: "https://a.example" }] } }],
  ["a part of nothing", { message: { ...message, parts: [{ metadata: {} }] } }],
  ["a name that is too long", { message: { ...message, messageId: "m".repeat(256) } }],
  ["an address that is none", { message, configuration: { taskPushNotificationConfig: { url: "javascript:alert(1)" } } }],
  ["a history of less than nothing", { message, configuration: { historyLength: -1 } }],
  ["null", null],
  ["a text", "Hello"],
])("%s is refused with the field that is wrong", (_what, params) => {
  expect(() => readParams("SendMessage", params)).toThrow(A2aError);
});

test.each(["GetTask", "CancelTask", "SubscribeToTask"] as const)(
  "a task of version 0.3 is named by any of its three names: %s",
  (method) => {
    for (const name of ["id", "taskId", "task_id"]) expect(readParams(method, fromLegacy(method, { [name]: "t" }))).toEqual({ id: "t" });
    expect(() => readParams(method, { taskId: "t" })).toThrow(A2aError);
  },
);

test("a configuration of version 0.3 is named by its task where it names none", () => {
  const params = fromLegacy("GetTaskPushNotificationConfig", { id: "task" });
  expect(readParams("GetTaskPushNotificationConfig", params)).toEqual({ taskId: "task", id: "task" });
});
