import { randomBytes, randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { at, type System, startSystem } from "@parley/testkit";
import { browserMissing, startBrowser } from "@parley/testkit/browser";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const PATH = "/api/v1/gateway";
/** Somebody's own machine may have no browser that we bring; where changes are judged there is one, or the tests fail. */
const missing = process.env["CI"] === undefined ? browserMissing() : null;
if (missing !== null) process.stderr.write(`No page asks the gateway in a browser: ${missing}.\n`);

type Browser = Awaited<ReturnType<typeof startBrowser>>;
type Page = Awaited<ReturnType<Browser["newPage"]>>;

interface Site {
  origin: string;
  server: Server;
}

/** A page with nothing on it, at an origin of its own. */
async function startSite(): Promise<Site> {
  const server = createServer((_request, response) => void response.setHeader("content-type", "text/html").end("<!doctype html><title>x"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

type Asked = { method?: string; body?: string | null; credentials?: "include" | "omit" };

/** What a page can know of an answer; `failed` where the browser keeps it back. */
interface Seen {
  failed: boolean;
  status: number;
  headers: Record<string, string | null>;
  text: string;
}

describe.skipIf(missing !== null)("a page in a browser", () => {
  let sites: Site[];
  let system: System;
  let browser: Browser;
  let ours: Page;
  let theirs: Page;
  let session: Record<string, string>;
  beforeAll(async () => {
    sites = [await startSite(), await startSite()];
    const [allowed, other] = sites.map(({ origin }) => origin);
    const env = {
      CORS_ORIGINS: allowed ?? "",
      BILLING_DEV_FUNDING: "true",
      MPP_SECRET_KEY: randomBytes(32).toString("hex"),
      MPP_RECIPIENT: `0x${"1".repeat(40)}`,
      MPP_RPC_URL: "http://127.0.0.1:9",
    };
    [system, browser] = await Promise.all([startSystem({ workers: 0, env }), startBrowser()]);
    [ours, theirs] = await Promise.all([browser.newPage(), browser.newPage()]);
    await Promise.all([ours.goto(allowed ?? ""), theirs.goto(other ?? "")]);
    const address = `0x${randomBytes(20).toString("hex")}`;
    const opened = await system.rest().call("/api/wallet/sessions", { body: { address, deposit: "1.00" } });
    session = { "x-session-id": String(at(opened.body, "session", "id")), "x-wallet-address": address };
  });
  afterAll(async () => {
    await browser?.close();
    await system?.close();
    await Promise.all((sites ?? []).map(({ server }) => new Promise((resolve) => server.close(resolve))));
  });

  /** Asks from within the page, as its own script would. */
  const ask = (page: Page, headers: Record<string, string>, more: Asked = {}): Promise<Seen> =>
    page.evaluate(
      async ({ url, init }) => {
        const read = ["payment-receipt", "x-session-remaining", "www-authenticate", "x-plugin-id", "content-type", "server"];
        try {
          const response = await fetch(url, init);
          const shown = Object.fromEntries(read.map((name) => [name, response.headers.get(name)]));
          return { failed: false, status: response.status, headers: shown, text: await response.text() };
        } catch {
          return { failed: true, status: 0, headers: {}, text: "" };
        }
      },
      {
        url: `${system.apis[0]?.url}${PATH}`,
        init: { method: "POST", headers: { "content-type": "application/json", ...headers }, body: '{"prompt": "Hi"}', ...more },
      },
    );
  const paying = () => ({ "x-api-key": system.ours.apiKey, "x-payment-method": "session", "x-plugin-id": "generate-text", ...session });
  const spent = async () =>
    at((await system.rest().call(`/api/wallet/sessions?sessionId=${session["x-session-id"]}`)).body, "session", "spent");

  test("of an allowed origin pays with all the headers of a payment, and reads the receipt and what is left", async () => {
    const key = { "idempotency-key": randomUUID() };
    const seen = await ask(ours, { ...paying(), ...key });
    expect([seen.status, JSON.parse(seen.text)]).toMatchObject([200, { plugin: "generate-text", payment: { method: "session" } }]);
    expect(seen.headers).toMatchObject({
      "payment-receipt": expect.stringContaining(`session:${session["x-session-id"]}:`),
      "x-session-remaining": "0.99",
      "x-plugin-id": "generate-text",
    });
    expect(JSON.parse((await ask(ours, { ...paying(), ...key })).text)).toEqual(JSON.parse(seen.text));
  });

  test("of an allowed origin reads how to pay, and by what the gateway may be asked whether it can be paid", async () => {
    const named = { "x-api-key": system.ours.apiKey, "x-plugin-id": "generate-text" };
    const refused = await ask(ours, { ...named, "x-payment-method": "mpp", "accept-payment": "tempo/charge" });
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([402, { error: "payment_required" }]);
    expect(refused.headers["www-authenticate"]).toMatch(/^Payment .*method="tempo"/);
    const unread = await ask(ours, { ...named, "payment-authorization": "Payment e30" });
    expect(unread).toMatchObject({ status: 402, headers: { "content-type": "application/problem+json" } });
    const probe = await ask(ours, { accept: "application/json" }, { method: "OPTIONS", body: null });
    expect(probe).toMatchObject({ status: 204, headers: { "www-authenticate": "Payment" } });
  });

  test("of an allowed origin hears a stream piece by piece", async () => {
    const { status, headers, text } = await ask(ours, { ...paying(), accept: "text/event-stream" });
    expect([status, headers["content-type"]]).toEqual([200, "text/event-stream; charset=utf-8"]);
    expect([...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name)).toEqual(expect.arrayContaining(["token", "done"]));
    expect(headers["x-session-remaining"]).toBe("0.98");
  });

  test("of another origin is kept from it by the browser itself: nothing is asked, and nothing paid", async () => {
    const before = await spent();
    expect(await ask(theirs, paying())).toMatchObject({ failed: true });
    expect(await ask(theirs, { accept: "application/json" }, { method: "OPTIONS", body: null })).toMatchObject({ failed: true });
    // Without a header that has to be asked for it is sent, and the answer is kept back.
    expect(await ask(theirs, { "content-type": "text/plain" })).toMatchObject({ failed: true });
    expect(await spent()).toBe(before);
  });

  test("is let through without cookies alone, of whatever origin", async () => {
    const before = await spent();
    for (const page of [ours, theirs]) expect(await ask(page, paying(), { credentials: "include" })).toMatchObject({ failed: true });
    expect(await spent()).toBe(before);
    expect((await ask(ours, paying(), { credentials: "omit" })).status).toBe(200);
  });
});
