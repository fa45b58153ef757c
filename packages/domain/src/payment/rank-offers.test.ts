import { expect, test } from "vitest";
import type { OfferedMethod } from "./chain-payments.ts";
import { type AcceptedPayment, rankOffers } from "./rank-offers.ts";

const ALL: OfferedMethod[] = ["tempo/charge", "tempo/session", "stripe/charge"];
const entry = (name: string, weight = 1): AcceptedPayment => {
  const [method = "", intent = ""] = name.split("/");
  return { method, intent, weight };
};

test.each<[string, AcceptedPayment[] | null, OfferedMethod[]]>([
  ["nothing said: all, in our order", null, ALL],
  ["one alone", [entry("stripe/charge")], ["stripe/charge"]],
  ["liked best first", [entry("tempo/charge", 0.5), entry("stripe/charge")], ["stripe/charge", "tempo/charge"]],
  ["alike: in our order", [entry("stripe/*"), entry("tempo/*")], ALL],
  ["what is named goes before what is meant by a star", [entry("*/*"), entry("tempo/charge", 0)], ["tempo/session", "stripe/charge"]],
  ["a star for the intent", [entry("tempo/*", 0.2)], ["tempo/charge", "tempo/session"]],
  ["twice the same: the better one", [entry("*/*", 0), entry("*/*", 0.1)], ALL],
  ["nothing of it: told how all the same", [entry("evm/charge")], ALL],
])("%s", (_what, accepted, ranked) => {
  expect(rankOffers(ALL, accepted)).toEqual(ranked);
});
