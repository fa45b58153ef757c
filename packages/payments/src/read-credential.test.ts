import { type Challenge, Credential } from "mppx";
import { expect, test } from "vitest";
import { readCredential, readStandard } from "./read-credential.ts";

const challenge = {
  id: "a-1_Z",
  realm: "gateway.test",
  method: "tempo",
  intent: "charge",
  request: { amount: "1" },
} as Challenge.Challenge;
const raw = (more: object): string => {
  const [, encoded = ""] = Credential.serialize(Credential.from({ challenge, payload: { type: "hash", hash: "0xab" } })).split(" ");
  const read = JSON.parse(Buffer.from(encoded, "base64url").toString()) as { challenge: object };
  const { id, ...rest } = more as { id?: unknown };
  const named = { ...read, ...rest, challenge: { ...read.challenge, ...(id !== undefined && { id }) } };
  return Buffer.from(JSON.stringify(named)).toString("base64url");
};
const plain = (challengeNonce: unknown): string => JSON.stringify({ scheme: "Payment", transaction: "0xab", challengeNonce });

const NO_IDS = ["", "a\u0000", "\ud800", "a b", "a".repeat(101), 7, null, ["a"], "../x"];

test.each(NO_IDS.map((id) => ({ id })))("what no offer can be called is no credential, in neither dialect: %j", ({ id }) => {
  expect(readCredential(plain(id))).toBeNull();
  expect(readCredential(raw({ id }))).toBeNull();
});

test("offers' own names are read", () => {
  expect(readCredential(plain("a-1_Z"))).toMatchObject({ challengeId: "a-1_Z", dialect: "plain" });
  expect(readCredential(raw({}))).toMatchObject({ challengeId: "a-1_Z", dialect: "mpp" });
});

const NO_NAMES = ["did:pkh:eip155:1:0x\u0000", "\ud800", { a: 1 }, ["did:pkh:eip155:1:0xab"], "me", `did:pkh:${"a".repeat(300)}`, 7];
test.each(NO_NAMES.map((source) => ({ source })))(
  "a payer's name that cannot be kept is none, and the payment is looked at all the same: %j",
  ({ source }) => {
    expect(readStandard(raw({ source }))).toEqual({ challenge: expect.objectContaining({ id: "a-1_Z" }), payload: expect.anything() });
    expect(readCredential(raw({ source }))).toEqual(readCredential(raw({})));
  },
);

test("a payer is known by the account that it names", () => {
  const source = "did:pkh:eip155:42431:0xF39fd6e51aad88F6F4ce6aB8827279cffFb92266";
  expect(readStandard(raw({ source }))).toMatchObject({ source });
});

test("a credential without a payment in it is none", () => {
  expect(readCredential(raw({ payload: undefined }))).toBeNull();
});
