import { createHmac, randomUUID } from "node:crypto";
import { type Issuer, startIssuer } from "@parley/testkit/issuer";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createJwtAuthenticator } from "./jwt-authenticator.ts";
import { jwtProblems, jwtRules, jwtSettings } from "./jwt-settings.ts";

const organizationId = randomUUID();
let issuer: Issuer;
beforeEach(async () => {
  issuer = await startIssuer();
});
afterEach(() => issuer[Symbol.asyncDispose]());

function authenticatorOf(settings: Record<string, string> = {}, times: { keysMs?: number; lookAgainMs?: number } = {}) {
  const given = { JWT_ISSUER: issuer.url, JWT_AUDIENCE: "parley,other", JWT_JWKS_URL: issuer.jwksUrl, JWT_CLOCK_TOLERANCE_SECONDS: "5" };
  const rules = jwtRules(jwtSettings.parse({ ...given, ...settings }));
  if (!rules) throw new Error("There are no rules.");
  const organizationExists = async (id: string) => id === organizationId;
  return createJwtAuthenticator({ rules, fetch, organizationExists, ...times });
}

const good = (claims: Record<string, unknown> = {}) =>
  issuer.token({ organization_id: organizationId, scope: "conversations:read openid", ...claims });

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const nowSeconds = () => Math.floor(Date.now() / 1_000);

test("a token gives its subject, its organization, and the scopes that are named like ours", async () => {
  const exp = nowSeconds() + 60;
  expect(await authenticatorOf().authenticate(good({ exp }))).toEqual({
    organizationId,
    principalId: "sub:user-1",
    scopes: new Set(["conversations:read"]),
    agentIds: null,
    goodUntilMs: (exp + 5) * 1_000,
  });
});

test("claims and scopes may be named otherwise", async () => {
  const { authenticate } = authenticatorOf({
    JWT_SCOPE_CLAIM: "permissions",
    JWT_SCOPE_MAP: "chat=conversations:read+conversations:write,boss=*",
    JWT_ORGANIZATION_CLAIM: "https://example.com/org",
  });
  const claims = { permissions: ["chat", "agents:read", 7], "https://example.com/org": organizationId };
  expect((await authenticate(issuer.token(claims))).scopes).toEqual(new Set(["conversations:read", "conversations:write"]));
  expect((await authenticate(issuer.token({ ...claims, permissions: "boss" }))).scopes).toEqual(new Set(["*"]));
});

test("no token names every scope by itself, and one organization may hold for all", async () => {
  const { authenticate } = authenticatorOf({ JWT_ORGANIZATION_ID: organizationId });
  const caller = await authenticate(issuer.token({ organization_id: randomUUID(), scope: "* agents:read" }));
  expect([caller.organizationId, caller.scopes]).toEqual([organizationId, new Set(["agents:read"])]);
});

describe("refused is a token", () => {
  const confused = () => {
    // The public key as if it were a shared secret: who checks by the token's own algorithm would believe it.
    const text = `${encoded({ alg: "HS256", typ: "JWT", kid: issuer.kid() })}.${good().split(".")[1]}`;
    return `${text}.${createHmac("sha256", issuer.publicPem()).update(text).digest("base64url")}`;
  };
  test.each<[string, () => string]>([
    ["without a signature", () => `${encoded({ alg: "none" })}.${good().split(".")[1]}.`],
    ["signed with the public key as a secret", confused],
    ["of another issuer", () => good({ iss: "https://elsewhere.example" })],
    ["for another audience", () => good({ aud: "their-app" })],
    ["that has ended", () => good({ exp: nowSeconds() - 6 })],
    ["that is not good yet", () => good({ nbf: nowSeconds() + 60 })],
    ["that never ends", () => good({ exp: undefined })],
    ["of nobody", () => good({ sub: "" })],
    ["of an unknown organization", () => good({ organization_id: randomUUID() })],
    ["of no organization", () => good({ organization_id: "acme" })],
    [
      "whose claims were changed",
      () => good().replace(/\.[^.]+\./, `.${encoded({ iss: issuer.url, aud: "parley", sub: "root", exp: nowSeconds() + 60 })}.`),
    ],
    ["that mixes the scope of MCP clients with others", () => good({ scope: "mcp-client agents:read" })],
  ])("%s", async (_, token) => {
    await expect(authenticatorOf().authenticate(token())).rejects.toMatchObject({ code: "unauthenticated" });
  });
});

test("clocks may differ by the tolerance", async () => {
  const { authenticate } = authenticatorOf();
  await expect(authenticate(good({ exp: nowSeconds() - 3 }))).resolves.toMatchObject({ organizationId });
});

test("a token that ends is refused, though it was found good before", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  try {
    const { authenticate } = authenticatorOf();
    const token = good({ exp: nowSeconds() + 10 });
    await authenticate(token);
    vi.setSystemTime(Date.now() + 14_000);
    await expect(authenticate(token)).resolves.toMatchObject({ organizationId });
    vi.setSystemTime(Date.now() + 2_000);
    await expect(authenticate(token)).rejects.toMatchObject({ code: "unauthenticated" });
  } finally {
    vi.useRealTimers();
  }
});

describe("the issuer's keys", () => {
  test("are asked for once, a new one is found, and one that is published no more is refused", async () => {
    const { authenticate } = authenticatorOf({}, { lookAgainMs: 0 });
    const old = good({ jti: "old" });
    const alsoOld = good({ jti: "also old" });
    for (let call = 0; call < 5; call++) await authenticate(old);
    expect(issuer.asked()).toBe(1);
    issuer.rotate();
    await expect(authenticate(good())).resolves.toMatchObject({ organizationId });
    expect(issuer.asked()).toBe(2);
    await expect(authenticate(alsoOld)).rejects.toMatchObject({ code: "unauthenticated" });
  });

  test("are not asked for again and again by tokens that name unknown ones", async () => {
    const { authenticate } = authenticatorOf();
    await authenticate(good());
    issuer.rotate();
    for (let call = 0; call < 5; call++)
      await expect(authenticate(good({ jti: String(call) }))).rejects.toMatchObject({ code: "unauthenticated" });
    expect(issuer.asked()).toBe(1);
  });

  test("that cannot be had are no fault of the caller's", async () => {
    issuer.isAway = true;
    const { authenticate } = authenticatorOf();
    await expect(authenticate(good())).rejects.toMatchObject({ code: "storage_unavailable" });
    issuer.isAway = false;
    await expect(authenticate(good())).resolves.toMatchObject({ organizationId });
  });
});

test("settings: shared secrets are no choice, and an issuer needs an audience and its keys", () => {
  for (const algorithm of ["HS256", "none", "RS256,HS512"])
    expect(jwtSettings.safeParse({ JWT_ALGORITHMS: algorithm }).success).toBe(false);
  expect(jwtSettings.safeParse({ JWT_SCOPE_MAP: "a=nothing" }).success).toBe(false);
  expect(jwtProblems(jwtSettings.parse({ JWT_ISSUER: "x" })).map(({ path }) => path)).toEqual(["JWT_AUDIENCE", "JWT_JWKS_URL"]);
  expect(jwtRules(jwtSettings.parse({}))).toBeNull();
});
