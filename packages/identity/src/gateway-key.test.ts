import { expect, test } from "vitest";
import { createGatewayKeyAuthenticator } from "./gateway-key.ts";

const keyOf = (ensureOrganization: () => Promise<void>) =>
  createGatewayKeyAuthenticator({ key: "dev-gateway-key", organizationId: null, ensureOrganization });

test("the key of the settings may do everything in one organization but manage its keys; nothing else is it", async () => {
  const key = keyOf(async () => undefined);
  const caller = await key.authenticate("dev-gateway-key");
  expect(caller).toMatchObject({ principalId: "gateway-key", agentIds: null });
  expect(caller.scopes.has("conversations:write")).toBe(true);
  expect(caller.scopes.has("admin")).toBe(false);
  for (const wrong of ["", "dev-gateway-ke", "dev-gateway-keyy", "Dev-gateway-key"]) {
    expect(key.isOurs(wrong)).toBe(false);
    await expect(key.authenticate(wrong)).rejects.toMatchObject({ code: "unauthenticated" });
  }
});

test("the organization is made once, and tried again where that failed", async () => {
  let made = 0;
  const key = keyOf(async () => {
    made += 1;
    if (made === 1) throw new Error("away");
  });
  await expect(key.authenticate("dev-gateway-key")).rejects.toThrow("away");
  await Promise.all([key.authenticate("dev-gateway-key"), key.authenticate("dev-gateway-key")]);
  expect(made).toBe(2);
});
