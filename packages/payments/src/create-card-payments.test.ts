import Stripe from "stripe";
import { expect, test } from "vitest";
import { createCardPayments } from "./create-card-payments.ts";
import { paymentSettings } from "./settings.ts";

const cardsWith = (settings: object) =>
  createCardPayments(paymentSettings.parse({ STRIPE_SECRET_KEY: "sk_test_1", ...settings }), () =>
    Promise.reject(new Error("Nobody is asked.")),
  );
const delivery = { body: Buffer.from("{}"), signature: "t=1,v1=00" };

test("an event that nobody has signed is refused as such, and where nobody could have, that is said", async () => {
  await expect(cardsWith({ STRIPE_WEBHOOK_SECRET: "whsec_one" })?.readEvent(delivery)).rejects.toMatchObject({ code: "payment_refused" });
  await expect(cardsWith({})?.readEvent(delivery)).rejects.toMatchObject({ code: "payments_not_configured" });
});

test("while a secret is changed events of either are taken, and of no third one", async () => {
  const payload = JSON.stringify({ id: "evt_1", type: "customer.created", created: 1, data: { object: {} } });
  const { webhooks } = new Stripe("sk_test_1");
  const told = (secret: string) =>
    cardsWith({ STRIPE_WEBHOOK_SECRET: "whsec_one,whsec_two" })?.readEvent({
      body: Buffer.from(payload),
      signature: webhooks.generateTestHeaderString({ payload, secret }),
    });
  for (const secret of ["whsec_one", "whsec_two"]) expect(await told(secret)).toBeNull();
  await expect(told("whsec_three")).rejects.toMatchObject({ code: "payment_refused" });
});
