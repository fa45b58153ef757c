import { createHash } from "node:crypto";
import { GatewayError, type Limits, microsToDollars, type Scope } from "@parley/contracts";
import type { Caller, ChainPurchase, Gateway, Log, Purchase } from "@parley/domain";
import { hasScope, type OpenStream } from "@parley/router";
import { type ErrorRequestHandler, type Request, type RequestHandler, type Response, Router } from "express";
import type { Attachments } from "../attachments.ts";
import { CLIENT_LEFT } from "../client-left.ts";
import { jsonBodyReader } from "../json-body.ts";
import { NamedStream, namedFrame } from "../named-stream.ts";
import { onGone } from "../on-gone.ts";
import { onceOf } from "../once-of.ts";
import { sendJson } from "../send-json.ts";
import { toGatewayError } from "../to-gateway-error.ts";
import type { FrontVisitor, VisitorOf } from "../visitors.ts";
import { sendPaidError, wordOf } from "./paid-error.ts";
import type { Json, Plugin, Tell } from "./plugins/plugin.ts";
import { credentialIn, methodOf, type PaymentMethod, pluginOf, readLooseBody, sessionOf } from "./read-call.ts";

export interface PaidGatewayDependencies {
  gateway: Gateway;
  log: Log;
  visitorOf: VisitorOf;
  attachments: Attachments;
  limits: Limits;
  openStream: OpenStream;
  plugins: ReadonlyMap<string, Plugin>;
  /** Whose calls are sold to those who have no key; null: nobody's. */
  soldBy: string | null;
}

const PATH = "/api/v1/gateway";
const ROUTE = "payment.gateway";
const SCOPES: readonly Scope[] = ["conversations:write", "api", "rpc"];
/** What a guest may do: what is sold, and look at what has come of it. */
const GUEST: ReadonlySet<Scope> = new Set<Scope>(["conversations:write", "conversations:read", "agents:read", "api"]);

/** A refusal, with what its answer says besides. */
class PaidRefusal extends Error {
  readonly reason: GatewayError;
  readonly more: object;
  /** It is told as a problem of the payment standard. */
  readonly isProblem: boolean;
  constructor(reason: GatewayError, more: object, isProblem = false) {
    super(reason.message);
    this.reason = reason;
    this.more = more;
    this.isProblem = isProblem;
  }
}

type Refused = ChainPurchase & { outcome: "refused" };

/** An answer as it is given again. */
interface PaidAnswer {
  headers: Record<string, string>;
  envelope: object;
}

const DESCRIPTIONS: Record<string, string> = {
  agent: "Agent orchestrator request",
  "generate-text": "Text generation (LLM inference)",
  tts: "Text-to-speech synthesis",
  stt: "Speech-to-text transcription",
};

const digestOf = (name: string, body: Json): string =>
  createHash("sha256")
    .update(JSON.stringify([name, body]))
    .digest("base64url");

interface Sale {
  request: Request;
  response: Response;
  visitor: FrontVisitor;
  body: Json;
  name: string;
  plugin: Plugin;
  method: PaymentMethod;
}

/** Who pays, and as whom the work is done. */
interface Payer {
  caller: Caller;
  isGuest: boolean;
  /** Sets the money aside, or shows what was bought with it before. */
  buy(amountMicros: number): Promise<Purchase | { answered: PaidAnswer }>;
}

/** `POST /api/v1/gateway`: parse, plugin, auth, price, hold, run, then take the money or let it go. Errors are `{error, message}`. */
export function paidGateway(dependencies: PaidGatewayDependencies): Router {
  const { gateway, log, visitorOf, attachments, limits, plugins, soldBy } = dependencies;
  const readJsonBody = jsonBodyReader({ ...limits, bodyBytesMax: limits.modelBodyBytesMax, isTyped: false });

  async function callerOf(visitor: FrontVisitor): Promise<Caller | null> {
    if (visitor.credential === null) {
      await visitor.count("anonymous", null);
      return null;
    }
    const caller = await visitor.authenticate({ mutating: true });
    const waitMs = await visitor.countWithin({ name: "sold", max: limits.soldCallsMax }, caller);
    if (waitMs > 0) throw new GatewayError("too_many_requests", { retryAfterSeconds: Math.ceil(waitMs / 1_000) });
    if (!hasScope(caller, { scope: SCOPES })) throw new GatewayError("missing_scope");
    return caller;
  }

  /** How to pay: on the chain, by what stands in the header too, or by card. A refused payment is told why beside a fresh offer. */
  async function ask(sale: Sale, organizationId: string | null, refused?: Refused): Promise<PaidRefusal> {
    const { name, response, visitor, body } = sale;
    const amountMicros = organizationId === null ? null : await gateway.priceOf(organizationId, name);
    if (organizationId !== null && amountMicros === null) throw new GatewayError("unknown_plugin");
    const description = DESCRIPTIONS[name] ?? name;
    const besideKey = visitor.credential !== null;
    const order = { plugin: name, amountMicros: amountMicros ?? 0, description, digest: digestOf(name, body), besideKey };
    const offer = organizationId === null ? null : await gateway.offerCall(organizationId, order);
    if (offer !== null) response.setHeader("www-authenticate", offer.header);
    const text = `Payment required for ${name}. Choose payment method: Stripe${offer === null ? "" : " or Tempo MPP"}.`;
    const stripe = {
      checkoutUrl: `/api/v1/payments/stripe/create?plugin=${name}`,
      amount: microsToDollars(amountMicros ?? 0),
      currency: "usd",
    };
    const problem = refused?.dialect === "mpp" ? { ...refused.problem, challengeId: refused.challengeId } : {};
    const reason = new GatewayError("payment_required", { text: refused?.problem.detail ?? text });
    return new PaidRefusal(reason, { ...(offer !== null && { mpp: offer.plain }), stripe, ...problem }, refused?.dialect === "mpp");
  }

  /** Who has paid on the chain, with a key or without. */
  function chainPayer(
    sale: Sale,
    caller: Caller | null,
    { organizationId, credential }: { organizationId: string; credential: string },
  ): Payer {
    const { name, body } = sale;
    const guest: Caller = { organizationId, principalId: "payer:chain", scopes: GUEST, agentIds: null };
    return {
      caller: caller ?? guest,
      isGuest: caller === null,
      async buy() {
        const bought = await gateway.buyOnChain({ credential, plugin: name, digest: digestOf(name, body) });
        if (bought.outcome === "refused") throw await ask(sale, organizationId, bought);
        return bought.outcome === "answered" ? { answered: bought.answer as PaidAnswer } : bought.purchase;
      },
    };
  }

  async function sessionPayer({ request, name }: Sale, caller: Caller | null): Promise<Payer> {
    const session = sessionOf(request);
    const organizationId = await gateway.sessionPayer(caller, session);
    const isGuest = caller?.organizationId !== organizationId;
    const guest: Caller = { organizationId, principalId: `wallet:${session.wallet}`, scopes: GUEST, agentIds: null };
    return {
      caller: isGuest || caller === null ? guest : caller,
      isGuest,
      async buy(amountMicros) {
        const sold = await gateway.buyInSession(organizationId, session, { plugin: name, amountMicros });
        if (sold.outcome === "bought") return sold.purchase;
        const [cost, remaining] = [microsToDollars(amountMicros), microsToDollars(sold.remainingMicros)];
        const reason = new GatewayError("insufficient_balance", { text: `Need $${cost}, have $${remaining}` });
        throw new PaidRefusal(reason, { session: { remaining, cost } });
      },
    };
  }

  async function payerOf(sale: Sale, caller: Caller | null): Promise<Payer | null> {
    if (sale.method === "session") return sessionPayer(sale, caller);
    const credential = sale.method === "mpp" ? credentialIn(sale.request) : null;
    const organizationId = caller?.organizationId ?? soldBy;
    if (credential !== null && organizationId !== null) return chainPayer(sale, caller, { organizationId, credential });
    if (sale.plugin.auth && caller === null) throw new GatewayError("unauthenticated");
    if (sale.method === "mpp" || caller === null) return null;
    return {
      caller,
      isGuest: false,
      buy: (amountMicros) => gateway.buyWithCredits(caller, { plugin: sale.name, amountMicros }),
    };
  }

  async function sell(request: Request, response: Response): Promise<void> {
    const visitor = visitorOf(request, response);
    const known = await callerOf(visitor);
    const body = await readLooseBody(readJsonBody, request, response);
    const name = pluginOf(request, body);
    const plugin = plugins.get(name);
    if (plugin === undefined) throw new GatewayError("no_plugin");
    const sale: Sale = { request, response, visitor, body, name, plugin, method: methodOf(request) };
    const payer = await payerOf(sale, known);
    if (payer === null) throw await ask(sale, known?.organizationId ?? soldBy);
    const amountMicros = await gateway.priceOf(payer.caller.organizationId, name);
    if (amountMicros === null) throw new GatewayError("unknown_plugin");
    await once(sale, payer, amountMicros);
  }

  /** A repeated call gets the first answer, and pays nothing. */
  async function once(sale: Sale, payer: Payer, amountMicros: number): Promise<void> {
    const { request, response, name, body, method } = sale;
    const gone = new AbortController();
    onGone(response, () => gone.abort(CLIENT_LEFT));
    // What is paid on the chain is known by its payment.
    const key = method === "mpp" ? undefined : onceOf(request, ROUTE);
    const claim = key === undefined ? null : await gateway.claimCall(payer.caller, key, { name, body, method }, gone.signal);
    if (claim?.answer) return sendAnswer(response, claim.answer as PaidAnswer);
    try {
      await run(sale, payer, { amountMicros, signal: gone.signal, keep: (answer) => claim?.keep(answer) ?? Promise.resolve() });
    } finally {
      await claim?.free();
    }
  }

  interface Running {
    amountMicros: number;
    signal: AbortSignal;
    keep(answer: object): Promise<void>;
  }

  async function run(sale: Sale, payer: Payer, { amountMicros, signal, keep }: Running): Promise<void> {
    const { request, response, plugin, body, visitor } = sale;
    const requestId = String(response.getHeader("x-request-id"));
    const { caller, isGuest } = payer;
    const work = await plugin.prepare({ caller, isGuest, body, requestId, signal });
    const bought = await payer.buy(amountMicros);
    if ("answered" in bought) return sendAnswer(response, bought.answered);
    const purchase = bought;
    const headers = headersOf(sale, purchase);
    let stream: NamedStream | null = null;
    let told = false;
    try {
      if (plugin.streams && /\btext\/event-stream\b/.test(request.headers.accept ?? "")) {
        for (const [header, value] of Object.entries(headers)) response.setHeader(header, value);
        stream = new NamedStream({ response, credential: visitor.credential, ping: ": ping\n\n", farewell: errorFrame });
        stream.open(attachments, "");
      }
      const open = stream;
      const tell: Tell | null =
        open === null
          ? null
          : (event, data) => {
              told = true;
              return open.send(namedFrame(event, data));
            };
      const data = await work(tell);
      signal.throwIfAborted();
      const envelope = envelopeOf(sale, purchase, data);
      await purchase.settle("done", { headers, envelope });
      await keep({ headers, envelope });
      if (stream !== null) {
        await stream.send(namedFrame("done", envelope));
        return stream.end();
      }
      sendAnswer(response, { headers, envelope });
    } catch (error) {
      // Who has read some of it and leaves has had it; what failed, or was never begun to be told, costs nothing.
      await purchase.settle(told && signal.aborted ? "done" : "failed");
      if (stream === null) throw error;
      if (!stream.isOver) await stream.send(errorFrame(toGatewayError(error, log)));
      stream.end();
    }
  }

  const serve: RequestHandler = async (request, response) => sell(request, response);

  const probe: RequestHandler = (request, response) => {
    response.setHeader("access-control-allow-methods", "GET, POST, OPTIONS");
    if (/\bapplication\/json\b/.test(request.headers.accept ?? "")) response.setHeader("www-authenticate", "Payment");
    response.status(204).end();
  };

  const refuse: RequestHandler = (_request, response) => {
    response.setHeader("allow", "POST, OPTIONS");
    throw new GatewayError("method_not_allowed");
  };

  const answerErrors: ErrorRequestHandler = (thrown: unknown, _request, response, _next) => {
    const refusal = thrown instanceof PaidRefusal ? thrown : null;
    const error = refusal?.reason ?? toGatewayError(thrown, log.child({ requestId: response.getHeader("x-request-id") }));
    if (response.headersSent || response.destroyed) response.destroy();
    else sendPaidError(response, error, refusal ?? {});
  };
  return Router().post(PATH, serve).options(PATH, probe).all(PATH, refuse).use(PATH, answerErrors);
}

function sendAnswer(response: Response, { headers, envelope }: PaidAnswer): void {
  for (const [header, value] of Object.entries(headers)) response.setHeader(header, value);
  sendJson(response, 200, envelope);
}

function headersOf({ name }: Sale, { receipt, remainingMicros }: Purchase): Record<string, string> {
  return {
    "x-plugin-id": name,
    "cache-control": "private",
    ...(receipt !== null && { "payment-receipt": receipt }),
    ...(remainingMicros !== null && { "x-session-remaining": microsToDollars(remainingMicros) }),
  };
}

const envelopeOf = ({ name, method }: Sale, { receipt }: Purchase, data: unknown) => ({
  plugin: name,
  message: `Request processed by ${name} plugin`,
  timestamp: new Date().toISOString(),
  payment: { method, receipt },
  data,
});

const errorFrame = (error: GatewayError): string => namedFrame("error", { error: wordOf(error), message: error.message });
