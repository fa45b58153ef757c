import { Challenge, Credential } from "mppx";
import Stripe from "stripe";
import { expect, test } from "vitest";
import { createStripeTokens } from "./stripe-tokens.ts";

type Said = { id: string; status: string } | Error;
const { errors } = Stripe;
const failure = (kind: "StripeAPIError" | "StripeCardError" | "StripeInvalidRequestError" | "StripeRateLimitError", statusCode: number) =>
  new errors[kind]({ message: "said in private", statusCode } as never);

/** What comes of a good credential where Stripe says this of the charge, and that when it is asked again. */
async function verified(said: Said, later: Said = new Error("not asked for")) {
  const say = async (one: Said) => {
    if (one instanceof Error) throw one;
    return one;
  };
  const stripe = { paymentIntents: { create: () => say(said), retrieve: () => say(later) } } as unknown as Stripe;
  const tokens = createStripeTokens({ secretKey: "s".repeat(32), realm: "gateway.test", networkId: "profile_test" }, stripe);
  const order = { plugin: "agent", amountMicros: 750_000, description: "One call", digest: "d", besideKey: false };
  const { header, challenge } = await tokens.offer(order);
  const credential = Credential.serialize(Credential.from({ challenge: Challenge.deserialize(header), payload: { spt: "spt_1" } }));
  return tokens.verify(credential.slice("Payment ".length), { challenge, plugin: "agent" });
}

test("a charge that was made is paid, also where it took its time", async () => {
  const paid = { outcome: "paid", reference: "pi_1" };
  expect(await verified({ id: "pi_1", status: "succeeded" })).toMatchObject(paid);
  expect(await verified({ id: "pi_1", status: "processing" }, { id: "pi_1", status: "succeeded" })).toMatchObject(paid);
});

test("a charge that is being made, or of which nobody has heard, may have been made: nobody is asked for another", async () => {
  const processing = { id: "pi_1", status: "processing" };
  expect(await verified(processing, processing)).toEqual({ outcome: "unknown" });
  const silences = [
    new Error("the wire"),
    failure("StripeAPIError", 500),
    failure("StripeRateLimitError", 429),
    failure("StripeInvalidRequestError", 409),
  ];
  for (const silence of silences) {
    expect(await verified(silence)).toEqual({ outcome: "unknown" });
    expect(await verified(processing, silence)).toEqual({ outcome: "unknown" });
  }
});

test("a card that is declined is refused, in our own words", async () => {
  for (const said of [failure("StripeCardError", 402), failure("StripeInvalidRequestError", 400)]) {
    const answer = await verified(said);
    expect(answer).toMatchObject({ outcome: "refused", problem: { type: expect.stringContaining("verification-failed") } });
    expect(JSON.stringify(answer)).not.toContain("private");
  }
});
