import { expect, test } from "vitest";
import { createPeerInput } from "./peer.ts";
import { webAddress } from "./web-address.ts";
import { createEndpointInput } from "./webhook.ts";

const WRONG = ["", "x", "ftp://a.example", "javascript:alert(1)", "http://", "https://me:secret@a.example", "https://me@a.example"];

test.each(WRONG)("%j is refused as one wrong member, wherever an address is asked for", (address) => {
  expect(webAddress.safeParse(address).error?.issues).toHaveLength(1);
  const peer = createPeerInput.safeParse({ name: "one", endpoint: address });
  expect(peer.error?.issues).toMatchObject([{ path: ["endpoint"] }]);
  const oauth = { type: "oauth", tokenUrl: address, clientId: "us", clientSecret: "secret" };
  const token = createPeerInput.safeParse({ name: "one", endpoint: "https://a.example", auth: oauth });
  expect(token.error?.issues).toMatchObject([{ path: ["auth", "tokenUrl"] }]);
  const webhook = createEndpointInput.safeParse({ url: address, events: ["turn.completed"] });
  expect(webhook.error?.issues).toMatchObject([{ path: ["url"] }]);
});

test("what is one is taken as it is", () => {
  for (const address of ["http://localhost:3773", "https://a.example/b?c=d", "http://[::1]/"])
    expect(webAddress.parse(address)).toBe(address);
});
