import { GatewayError } from "@parley/contracts";
import { expect, it } from "vitest";
import { whyFailed } from "./why-failed.ts";

const refused = (code: number, status = 200) =>
  whyFailed(new Error("whatever the SDK says"), { bytesLeft: 1, refusal: { code, status, message: "its words" } });
const broken = (code: string) => {
  const cause = Object.assign(new Error("away"), { code });
  return whyFailed(new Error("SDK", { cause: new GatewayError("egress_failed", { cause }) }), { bytesLeft: 1, refusal: null });
};

it.each([
  [500, 500],
  [503, 503],
  [502, 502],
  [504, 504],
  [408, 408],
  [-32_603, 200],
  [-32_603, 500],
  [-32_006, 200],
  [-32_000, 200],
  [0, 200],
])("code %i with status %i may come from a peer that has begun: nobody knows what became of the message", (code, status) => {
  expect(refused(code, status).state).toBe("unknown");
});

it.each([
  [400, 400],
  [401, 401],
  [404, 404],
  [429, 429],
  [501, 501],
  [401, 200],
  [-32_602, 200],
  [-32_602, 500],
  [-32_001, 200],
  [-32_000, 403],
])("code %i with status %i is a refusal: the call has failed, and its words are told", (code, status) => {
  expect(refused(code, status)).toEqual({ state: "failed", error: `The agent refused the message (${code}).`, said: "its words" });
});

it("a connection that never stood is a failure, one that broke is not", () => {
  expect(broken("ECONNREFUSED").state).toBe("failed");
  for (const code of ["ECONNRESET", "UND_ERR_SOCKET", "UND_ERR_HEADERS_TIMEOUT"]) expect(broken(code).state).toBe("unknown");
});
