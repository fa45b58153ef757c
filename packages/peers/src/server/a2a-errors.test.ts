import { GatewayError } from "@parley/contracts";
import { expect, test } from "vitest";
import { A2aError, restError, rpcError, toRefusal } from "./a2a-errors.ts";

test("the protocol's own errors have its codes, reasons and statuses", () => {
  const told = (error: A2aError | GatewayError) => {
    const { code, http, details } = toRefusal(error);
    return [code, http, details[0]?.["reason"], details[0]?.["domain"]];
  };
  const protocol = "a2a-protocol.org";
  expect(told(new GatewayError("not_found"))).toEqual([-32001, 404, "TASK_NOT_FOUND", protocol]);
  expect(told(new GatewayError("task_not_cancelable"))).toEqual([-32002, 409, "TASK_NOT_CANCELABLE", protocol]);
  expect(told(new GatewayError("task_not_open"))).toEqual([-32004, 400, "UNSUPPORTED_OPERATION", protocol]);
  expect(told(new A2aError("contentType"))).toEqual([-32005, 415, "CONTENT_TYPE_NOT_SUPPORTED", protocol]);
  expect(told(new A2aError("version"))).toEqual([-32009, 400, "VERSION_NOT_SUPPORTED", protocol]);
  expect(told(new GatewayError("invalid_input"))).toEqual([-32602, 400, undefined, undefined]);
  expect(told(new GatewayError("queue_full"))).toEqual([-32603, 429, "QUEUE_FULL", "parley"]);
});

test("each version and binding says them in its own shape, and none says what is for the log", () => {
  const refusal = toRefusal(new GatewayError("internal", { detail: "secret" }));
  expect(JSON.stringify([rpcError(refusal, "1.0"), restError(refusal, "1.0"), restError(refusal, "0.3")])).not.toContain("secret");
  const gone = toRefusal(new GatewayError("not_found"));
  expect(rpcError(gone, "1.0")).toMatchObject({ code: -32001, data: [{ reason: "TASK_NOT_FOUND" }] });
  expect(rpcError(gone, "0.3")).toEqual({ code: -32001, message: "There is no such task." });
  expect(restError(gone, "1.0")).toMatchObject({ error: { code: 404, status: "NOT_FOUND", details: [{ reason: "TASK_NOT_FOUND" }] } });
  expect(restError(gone, "0.3")).toEqual({ code: -32001, message: "There is no such task." });
});
