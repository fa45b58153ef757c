import { randomBytes } from "node:crypto";
import { at, type RestAnswer, type System, startSystem } from "@parley/testkit";
import { Challenge, Credential, Receipt } from "mppx";
import postgres from "postgres";
import { createClient, http, keccak256, toBytes, toHex } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { Actions } from "viem/tempo";
import { tempo as tempoChain } from "viem/tempo/chains";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Anvil, anvilProgram, startAnvil } from "./anvil.ts";

const CHAIN_ID = 42_431;
const PATH = "/api/v1/gateway";
const REALM = "gateway.test";
const TOKEN = "0x20c0000000000000000000000000000000000000";
const RECIPIENT = "0x00000000000000000000000000000000000a9e77";
/** The first of the accounts that the chain begins with. */
const payer = mnemonicToAccount("test test test test test test test test test test test junk");

const program = anvilProgram();

describe.skipIf(program === null)("on a chain", () => {
  let anvil: Anvil;
  let system: System;
  let sql: postgres.Sql;
  let client: ReturnType<typeof newClient>;
  const newClient = () =>
    createClient({ account: payer, chain: { ...tempoChain, id: CHAIN_ID }, transport: http(anvil.url), pollingInterval: 50 });
  beforeAll(async () => {
    anvil = await startAnvil(program ?? "", CHAIN_ID);
    const env = {
      PAYMENTS_CHAIN_ID: String(CHAIN_ID),
      MPP_SECRET_KEY: randomBytes(32).toString("hex"),
      MPP_RECIPIENT: RECIPIENT,
      MPP_RPC_URL: anvil.url,
      MPP_REALM: REALM,
      LIMIT_SOLD_CALLS_MAX: "100000",
    };
    system = await startSystem({ apis: 2, allow: [anvil.host], env });
    sql = postgres(system.ownerUrl, { max: 1, onnotice: () => undefined });
    client = newClient();
    await system.ours.newAgent();
    system.model.otherwise({ text: ["Hello"] });
  });
  afterAll(async () => {
    await sql?.end();
    await system?.close();
    await anvil?.close();
  });

  const BODY = { message: "Hi" };
  const call = (headers: Record<string, string> = {}, body: object = BODY, api = 0): Promise<RestAnswer> =>
    system.rest(api).call(PATH, { body, headers: { "x-payment-method": "mpp", ...headers } });

  const offeredIn = (answer: RestAnswer): Challenge.Challenge => {
    expect([answer.status, answer.headers.get("cache-control")]).toEqual([402, "no-store"]);
    const [challenge] = Challenge.fromResponseList(new Response(null, { status: 402, headers: answer.headers }));
    if (challenge === undefined) throw new Error("Nothing was offered.");
    return challenge;
  };

  const bytesOf = (text: string, count: number): string => keccak256(toBytes(text)).slice(2, 2 + count * 2);
  /** What binds a transfer to one challenge of one server. */
  const memoFor = (id: string) => `0x${bytesOf("mpp", 4)}01${bytesOf(REALM, 10)}${"00".repeat(10)}${bytesOf(id, 7)}` as const;

  async function pay(id: string, micros = 50_000n): Promise<`0x${string}`> {
    const { receipt } = await Actions.token.transferSync(client, { token: TOKEN, to: RECIPIENT, amount: micros, memo: memoFor(id) });
    return receipt.transactionHash;
  }

  const credentialOf = (challenge: Challenge.Challenge, hash: string) => ({
    "payment-authorization": Credential.serialize(
      Credential.from({ challenge, payload: { type: "hash", hash }, source: `did:pkh:eip155:${CHAIN_ID}:${payer.address}` }),
    ),
  });

  const earned = async (): Promise<number> => {
    const [row] =
      await sql`select coalesce(sum(amount_micros), 0)::int as sum from ledger_entries where source_type = 'payment' and account = 'revenue'`;
    return Number(row?.["sum"]);
  };

  test("an offer is read by MPP's own client and by the other dialect's, and asks for a header beside the key's", async () => {
    const answer = await call();
    const challenge = offeredIn(answer);
    expect(challenge).toMatchObject({
      method: "tempo",
      intent: "charge",
      realm: REALM,
      request: { amount: "50000", currency: TOKEN, recipient: RECIPIENT },
    });
    expect(answer.body).toMatchObject({
      error: "payment_required",
      mpp: {
        scheme: "Payment",
        amount: "0.05",
        currency: TOKEN,
        recipient: RECIPIENT,
        nonce: challenge.id,
        description: "Agent orchestrator request",
      },
    });
    // No card is taken here.
    expect(answer.body).not.toHaveProperty("stripe");
    expect(at(answer.body, "message")).toBe("Payment required for agent. Choose payment method: Tempo MPP.");
    expect(answer.headers.get("www-authenticate")).toContain('header="Payment-Authorization"');
  });

  test("one credential, shown 50 times at once to two processes, buys once; shown later it gets the same answer", async () => {
    const before = await earned();
    const challenge = offeredIn(await call());
    const credential = credentialOf(challenge, await pay(challenge.id));
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => call(credential, BODY, index % 2)));
    const done = answers.filter(({ status }) => status === 200);
    expect(done.length).toBeGreaterThan(0);
    for (const { status, headers } of answers.filter((one) => one.status !== 200))
      expect([status, headers.get("retry-after")]).toEqual([503, "2"]);
    const again = await call(credential, BODY, 1);
    for (const { body } of done) expect(body).toEqual(again.body);
    expect(again).toMatchObject({ status: 200, body: { payment: { method: "mpp" }, data: { reply: "Hello" } } });
    expect(Receipt.deserialize(again.headers.get("payment-receipt") ?? "")).toMatchObject({ method: "tempo", status: "success" });
    expect(await earned()).toBe(before + 50_000);
    const [turns] = await sql`select count(*)::int as count from turns where id = ${String(at(again.body, "data", "turnId"))}`;
    expect(turns).toEqual({ count: 1 });
  });

  test("is for one plugin, one body and one price; altered, unknown or paid with another's payment it is refused, with a fresh offer", async () => {
    const before = await earned();
    const challenge = offeredIn(await call());
    const hash = await pay(challenge.id);
    const good = credentialOf(challenge, hash);
    const refusals: [string, () => Promise<RestAnswer>][] = [
      ["invalid-challenge", () => call({ ...good, "x-plugin-id": "generate-text" }, { prompt: "Hi" })],
      ["invalid-challenge", () => call(good, { message: "Another" })],
      [
        "invalid-challenge",
        () => call(credentialOf({ ...challenge, request: { ...challenge.request, amount: "1" } } as Challenge.Challenge, hash)),
      ],
      ["invalid-challenge", () => call(credentialOf({ ...challenge, id: "x" } as Challenge.Challenge, hash))],
      ["malformed-credential", () => call({ "payment-authorization": "Payment !" })],
      ["verification-failed", () => call(credentialOf(challenge, toHex(randomBytes(32))))],
    ];
    for (const [type, asked] of refusals) {
      const answer = await asked();
      expect(offeredIn(answer).id).not.toBe(challenge.id);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(answer.body).toMatchObject({ type: `https://paymentauth.org/problems/${type}`, status: 402, detail: expect.any(String) });
    }
    const other = offeredIn(await call());
    // The standard has a problem for too little money, and its own code sends this one.
    const refused = { status: 402, body: { type: "https://paymentauth.org/problems/verification-failed" } };
    expect(await call(credentialOf(other, hash))).toMatchObject(refused);
    const little = offeredIn(await call());
    expect(await call(credentialOf(little, await pay(little.id, 49_999n)))).toMatchObject(refused);
    expect(await earned()).toBe(before);
    expect((await call(good)).status).toBe(200);
    expect(await earned()).toBe(before + 50_000);
  });

  test("the other dialect's credential buys, too, once", async () => {
    const asked = await call();
    const nonce = String(at(asked.body, "mpp", "nonce"));
    const credential = {
      "payment-authorization": `Payment ${JSON.stringify({ scheme: "Payment", transaction: await pay(nonce), challengeNonce: nonce })}`,
    };
    const first = await call(credential);
    expect(first).toMatchObject({ status: 200, body: { payment: { method: "mpp" } } });
    expect((await call(credential)).body).toEqual(first.body);
    // Whoever has paid has one name, in whatever way its credential names it, or does not.
    const payers = await sql`select distinct principal_id from charges where source_type = 'plugin' and payer = 'outside'`;
    expect(payers.map(({ principal_id }) => principal_id)).toEqual([`payer:${payer.address.toLowerCase()}`]);
  });

  test("what was paid and then failed is done when it is shown again, and is not paid again", async () => {
    const before = await earned();
    const challenge = offeredIn(await call());
    const credential = credentialOf(challenge, await pay(challenge.id));
    system.model.script({ status: 400, error: { message: "no" } });
    expect(await call(credential)).toMatchObject({ status: 502, body: { error: "plugin_failed" } });
    expect(await call(credential)).toMatchObject({ status: 200 });
    expect(await earned()).toBe(before + 50_000);
  });

  test("a challenge that nobody has paid in time is refused", async () => {
    const challenge = offeredIn(await call());
    await sql`update payment_challenges set expires_at = now() - interval '1 second' where id = ${challenge.id}`;
    const answer = await call(credentialOf(challenge, await pay(challenge.id)));
    expect(answer.body).toMatchObject({ type: "https://paymentauth.org/problems/payment-expired" });
  });

  test("an offer stands as long as it says, and who shows late what was paid gets it", async () => {
    const challenge = offeredIn(await call());
    const [row] = await sql`select expires_at from payment_challenges where id = ${challenge.id}`;
    expect(row).toEqual({ expires_at: new Date(challenge.expires ?? "") });
    const credential = credentialOf(challenge, await pay(challenge.id));
    await sql`update payment_challenges set expires_at = expires_at - interval '6 minutes' where id = ${challenge.id}`;
    expect((await call(credential)).status).toBe(200);
  });

  test("a chain that is away leaves the outcome open: the payer is told to show the same again, and then gets what was paid for", async () => {
    const before = await earned();
    const challenge = offeredIn(await call());
    const credential = credentialOf(challenge, await pay(challenge.id));
    process.kill(anvil.pid, "SIGSTOP");
    try {
      expect(await call(credential)).toMatchObject({ status: 503, body: { error: "payment_pending" } });
      expect((await sql`select state from payment_challenges where id = ${challenge.id}`)[0]).toEqual({ state: "unknown" });
    } finally {
      process.kill(anvil.pid, "SIGCONT");
    }
    expect((await call(credential)).status).toBe(200);
    expect(await earned()).toBe(before + 50_000);
  }, 60_000);
});
