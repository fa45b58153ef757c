import { ERRORS, GatewayError, isGatewayError, type Limits, microsToDollars, type Scope } from "@parley/contracts";
import { type Caller, type ClaimedCall, type Gateway, type Log, type Purchase, storable } from "@parley/domain";
import { hasScope, type OpenStream, ROUTES } from "@parley/router";
import { type ErrorRequestHandler, type Request, type RequestHandler, type Response, Router } from "express";
import type { Attachments } from "../attachments.ts";
import { CLIENT_LEFT } from "../client-left.ts";
import { jsonBodyReader } from "../json-body.ts";
import { NamedStream, namedFrame } from "../named-stream.ts";
import { onGone } from "../on-gone.ts";
import { onceOf } from "../once-of.ts";
import { refuseMethod } from "../refuse-method.ts";
import { sendJson } from "../send-json.ts";
import { toGatewayError } from "../to-gateway-error.ts";
import type { FrontVisitor, VisitorOf } from "../visitors.ts";
import { askForPayment, offerBeside } from "./ask-for-payment.ts";
import { checkGuest } from "./check-guest.ts";
import { findPayer } from "./find-payer.ts";
import { guestOf } from "./guest.ts";
import { sendPaidError, wordOf } from "./paid-error.ts";
import type { Plugin, Tell } from "./plugins/plugin.ts";
import { prepareCall } from "./prepare-call.ts";
import { methodOf, type PaymentMethod, pluginOf, readLooseBody } from "./read-call.ts";
import { type PaidAnswer, PaidRefusal, type Payer, type Sale } from "./sale.ts";
import { workFailed } from "./work-failed.ts";

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
/** `POST /api/v1/gateway`: parse, plugin, auth, price, hold, run, then take the money or let it go. Errors are `{error, code, message}`. */
export function paidGateway(dependencies: PaidGatewayDependencies): Router {
  const { gateway, log, visitorOf, attachments, limits, plugins, soldBy } = dependencies;
  const readJsonBody = jsonBodyReader({ ...limits, bodyBytesMax: limits.modelBodyBytesMax, isTyped: false });

  async function callerOf(visitor: FrontVisitor): Promise<Caller | null> {
    if (visitor.credential === null) {
      await visitor.count("anonymous", null);
      return null;
    }
    const caller = await visitor.authenticate({ mutating: true });
    await visitor.countIn(ROUTES[ROUTE].window, caller);
    if (!hasScope(caller, { scope: SCOPES })) throw new GatewayError("missing_scope");
    return caller;
  }

  async function sell(request: Request, response: Response): Promise<void> {
    const visitor = visitorOf(request, response);
    const known = await callerOf(visitor);
    const { body, trouble } = await readLooseBody(readJsonBody, request, response);
    const [name, method] = [pluginOf(request, body), methodOf(request)];
    const plugin = name === null ? undefined : plugins.get(name);
    if (name === null || plugin === undefined) throw await noPlugin(name, method, known);
    const sale: Sale = { request, response, visitor, known, body, trouble, name, plugin, method };
    // Before anybody is asked to pay for what is refused afterwards.
    if (known === null) checkGuest(sale, limits);
    try {
      await sellTo(sale);
    } catch (thrown) {
      const organizationId = known?.organizationId ?? soldBy;
      const check = async () => checkCall(sale, known ?? guestOf(organizationId ?? "", "guest"));
      throw await offerBeside(gateway, sale, { thrown, organizationId, check });
    }
  }

  async function sellTo(sale: Sale): Promise<void> {
    const { known, name, response } = sale;
    const payer = await findPayer({ gateway, soldBy }, sale, known);
    if (payer === null) {
      const organizationId = known?.organizationId ?? soldBy;
      if (organizationId !== null) await checkCall(sale, known ?? guestOf(organizationId, "guest"));
      throw await askForPayment(gateway, sale, { organizationId });
    }
    if ("receipt" in payer) return sendReceipt(response, payer.receipt);
    const amountMicros = await gateway.priceOf(payer.caller.organizationId, name);
    if (amountMicros === null) throw new GatewayError("unknown_plugin");
    await once(sale, payer, amountMicros);
  }

  /** Clients that pay by sessions know what has no price, and with it what there is not, as unknown. */
  async function noPlugin(name: string | null, method: PaymentMethod, known: Caller | null): Promise<GatewayError> {
    const organizationId = known?.organizationId ?? soldBy;
    const isPriced = name !== null && organizationId !== null && (await gateway.priceOf(organizationId, name)) !== null;
    return method === "session" && !isPriced
      ? new GatewayError("unknown_plugin", { text: ERRORS.no_plugin.text })
      : new GatewayError("no_plugin");
  }

  /** What is paid on a chain is gone at once, and pays for this very call: one that cannot be made is refused before anybody is asked to pay. */
  async function checkCall(sale: Sale, buyer: Caller): Promise<void> {
    const { name, body, response, visitor } = sale;
    if ((await gateway.priceOf(buyer.organizationId, name)) === null) throw new GatewayError("unknown_plugin");
    const call = { caller: buyer, isGuest: visitor.credential === null, body, requestId: requestIdOf(response) };
    await prepareCall(sale, { ...call, signal: new AbortController().signal });
  }

  /** A repeated call gets the first answer, and pays nothing. */
  async function once(sale: Sale, payer: Payer, amountMicros: number): Promise<void> {
    const { request, response, name, body, method } = sale;
    const progress = { isTold: false, isRepeatable: payer.knownBy === "payment" };
    const gone = new AbortController();
    // What somebody has read of is paid; where they can ask for it again, it is done to its end for them.
    onGone(response, () => {
      if (!(progress.isTold && progress.isRepeatable)) gone.abort(CLIENT_LEFT);
    });
    const key = payer.knownBy === "key" ? onceOf(request, ROUTE) : undefined;
    const claim = key === undefined ? null : await gateway.claimCall(payer.caller, key, { name, body, method }, gone.signal);
    if (claim?.answer) return sendAgain(response, claim.answer as PaidAnswer);
    if (claim !== null) progress.isRepeatable = true;
    try {
      await run(sale, payer, { amountMicros, signal: gone.signal, progress, claim });
    } finally {
      await claim?.free();
    }
  }

  interface Running {
    amountMicros: number;
    signal: AbortSignal;
    progress: { isTold: boolean };
    claim: ClaimedCall | null;
  }

  async function run(sale: Sale, payer: Payer, { amountMicros, signal, progress, claim }: Running): Promise<void> {
    const { request, response, plugin, body, visitor } = sale;
    const { caller, isGuest } = payer;
    if (isGuest) checkGuest(sale, limits);
    const work = await prepareCall(sale, { caller, isGuest, body, requestId: requestIdOf(response), signal });
    const bought = await payer.buy(amountMicros, claim?.held ?? null, signal);
    if ("answered" in bought) return sendAgain(response, bought.answered);
    const wantsStream = plugin.streams && /\btext\/event-stream\b/.test(request.headers.accept ?? "");
    if ("wait" in bought && !wantsStream) {
      const refused = { outcome: "refused", problem: bought.problem, dialect: "mpp", challengeId: bought.challengeId } as const;
      throw await askForPayment(gateway, sale, { organizationId: caller.organizationId, refused });
    }
    let purchase = "wait" in bought ? null : bought;
    let stream: NamedStream | null = null;
    // Once the money is to be taken, only its own end says whether it was.
    let isUntaken = true;
    try {
      if (wantsStream) {
        for (const [header, value] of Object.entries(headersOf(sale, purchase))) response.setHeader(header, value);
        stream = new NamedStream({ response, credential: visitor.credential, ping: ": ping\n\n", farewell: (error) => errorFrame(error) });
        stream.open(attachments, "");
      }
      const open = stream;
      if ("wait" in bought) {
        await open?.send(namedFrame("payment-need-voucher", bought.need));
        purchase = await bought.wait(signal);
      }
      if (purchase === null) throw new GatewayError("payment_required", { text: "Nobody has signed for what this costs." });
      const tell: Tell | null =
        open === null
          ? null
          : (event, data) => {
              progress.isTold = true;
              return open.send(namedFrame(event, data));
            };
      const data = storable(await work(tell, purchase.id));
      signal.throwIfAborted();
      const headers = headersOf(sale, purchase);
      const envelope = envelopeOf(sale, purchase, data);
      isUntaken = false;
      const receipt = await purchase.settle("done", { headers, envelope });
      // In the same transaction as the payment.
      claim?.kept();
      if (stream !== null) {
        if (receipt !== null) await stream.send(namedFrame("payment-receipt", receipt));
        await stream.send(namedFrame("done", envelope));
        return stream.end();
      }
      sendAnswer(response, { headers, envelope });
    } catch (thrown) {
      // Who has read some of it and leaves has had it; what failed, or was never begun to be told, costs nothing. What cannot be let go now goes back by a job.
      await purchase
        ?.settle(progress.isTold && signal.aborted ? "done" : "failed")
        .catch((err: unknown) => log.warn({ err, requestId: requestIdOf(response) }, "a sold call's end is not heard"));
      // What was under way when its client left has failed for no other reason.
      const failure = signal.aborted && isGatewayError(thrown) ? CLIENT_LEFT : thrown;
      const error = purchase === null ? failure : workFailed(failure, { isGuest, purchase });
      if (stream === null) throw error;
      const isUnpaid = isUntaken && (purchase?.whenFailed ?? "letGo") === "letGo";
      if (!stream.isOver && error !== CLIENT_LEFT)
        await stream.send(errorFrame(toGatewayError(error, log), isUnpaid ? { payment: null } : {}));
      stream.end();
    }
  }

  const serve: RequestHandler = async (request, response) => sell(request, response);

  const probe: RequestHandler = (request, response) => {
    response.setHeader("access-control-allow-methods", "GET, POST, OPTIONS");
    if (/\bapplication\/json\b/.test(request.headers.accept ?? "")) response.setHeader("www-authenticate", "Payment");
    response.status(204).end();
  };

  const answerErrors: ErrorRequestHandler = (thrown: unknown, _request, response, _next) => {
    // Nobody hears it, and nothing has failed.
    if (thrown === CLIENT_LEFT) return void response.destroy();
    const refusal = thrown instanceof PaidRefusal ? thrown : null;
    const error = refusal?.reason ?? toGatewayError(thrown, log.child({ requestId: response.getHeader("x-request-id") }));
    if (response.headersSent || response.destroyed) response.destroy();
    else sendPaidError(response, error, refusal ?? {});
  };
  return Router().post(PATH, serve).options(PATH, probe).all(PATH, refuseMethod("POST, OPTIONS")).use(PATH, answerErrors);
}

const requestIdOf = (response: Response): string => String(response.getHeader("x-request-id"));

function sendAnswer(response: Response, { headers, envelope }: PaidAnswer): void {
  for (const [header, value] of Object.entries(headers)) response.setHeader(header, value);
  sendJson(response, 200, envelope);
}

/** What was answered before: nothing was done, and nothing paid. */
function sendAgain(response: Response, answer: PaidAnswer): void {
  response.setHeader("idempotent-replay", "true");
  sendAnswer(response, answer);
}

/** A channel's business is done: nothing is sold. */
function sendReceipt(response: Response, receipt: string): void {
  response.setHeader("payment-receipt", receipt);
  response.setHeader("cache-control", "private");
  response.statusCode = 204;
  response.end();
}

/** Null: it is not paid yet. */
function headersOf({ name }: Sale, purchase: Purchase | null): Record<string, string> {
  const { receipt, remainingMicros } = purchase ?? { receipt: null, remainingMicros: null };
  return {
    "x-plugin-id": name,
    "cache-control": "private",
    ...(receipt !== null && { "payment-receipt": receipt }),
    ...(remainingMicros !== null && { "x-session-remaining": microsToDollars(remainingMicros) }),
  };
}

const envelopeOf = ({ name, method }: Sale, { id, receipt }: Purchase, data: unknown) => ({
  plugin: name,
  message: `Request processed by ${name} plugin`,
  timestamp: new Date().toISOString(),
  payment: { id, method, receipt },
  data,
});

/** `more` is what is known of the money: `payment: null` takes back what the head of the stream has said of it. */
const errorFrame = (error: GatewayError, more: { payment?: null } = {}): string =>
  namedFrame("error", { error: wordOf(error), code: error.code, message: error.message, refusedBy: error.refusedBy, ...more });
