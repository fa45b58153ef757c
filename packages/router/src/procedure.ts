import { GatewayError, grants } from "@parley/contracts";
import type { Caller, Once } from "@parley/domain";
import { initTRPC } from "@trpc/server";
import { z } from "zod";
import type { Context, EntryFact, Visitor } from "./context.ts";
import { countStream } from "./count-stream.ts";
import { formatError } from "./error-shape.ts";
import { idempotencyKey, readIdempotencyKey } from "./idempotency-key.ts";
import { type ProcedureName, type ROUTES, routeRow } from "./registry.ts";
import type { RouteRow } from "./routes/route-row.ts";

interface Meta {
  route: ProcedureName;
}

const t = initTRPC
  .context<Context>()
  .meta<Meta>()
  .create({ isDev: false, errorFormatter: ({ error, path, ctx }) => formatError({ error, path, ctx }) });

export const { router, createCallerFactory } = t;

/** Whether the caller has the scope that a route asks for: any one of them where it names several. */
export function hasScope(caller: Caller, { scope }: Pick<RouteRow, "scope">): boolean {
  if (scope === "authenticated") return true;
  if (scope === "public" || scope === "admin_secret" || scope === "signature" || scope === "payment") return false;
  return [scope].flat().some((one) => grants(caller.scopes, one));
}

/** Who is calling, where the route needs to know; counts the call. Whether the caller has the route's scope is not looked at. */
export async function admit(visitor: Visitor, row: Pick<RouteRow, "rateLimit" | EntryFact>): Promise<Caller> {
  const caller = await visitor.authenticate(row);
  const counted = row.rateLimit === "none" ? undefined : visitor.count(row.rateLimit, caller);
  // Mostly the count is known at once, and then nothing is waited for.
  if (counted !== undefined) await counted;
  return caller;
}

/** The same, and refuses a credential that lacks the route's scope. */
export async function authorize(visitor: Visitor, row: RouteRow): Promise<Caller> {
  const caller = await admit(visitor, row);
  if (!hasScope(caller, row)) throw new GatewayError("missing_scope");
  if (row.window !== undefined) await visitor.countIn(row.window, caller);
  return caller;
}

type PublicName = { [Name in ProcedureName]: (typeof ROUTES)[Name]["scope"] extends "public" ? Name : never }[ProcedureName];
type ChangingName = { [Name in ProcedureName]: (typeof ROUTES)[Name]["mutating"] extends true ? Name : never }[ProcedureName];

/** A procedure of the registry that anyone may call. */
export const publicProcedure = (route: PublicName) => t.procedure.meta({ route });

const NEVER = new AbortController().signal;

const routeOf = (meta: Meta | undefined): ProcedureName => {
  if (!meta) throw new GatewayError("internal", { detail: "a procedure without a route" });
  return meta.route;
};

const authorized = t.procedure.use(async ({ ctx, meta, signal, next }) => {
  const row = routeRow(routeOf(meta));
  const caller = await authorize(ctx.visitor, row);
  const leaving = signal ?? NEVER;
  const proceed = () => next({ ctx: { caller, leaving } });
  return row.attaches ? countStream(proceed, { close: ctx.openStream(caller), leaving }) : proceed();
});

/** A procedure of the registry that changes nothing: its row says who may call it. `ctx.leaving` aborts when the caller goes away. */
export const procedure = (route: Exclude<ProcedureName, PublicName | ChangingName>) => authorized.meta({ route });

const repeatable = authorized.input(z.object({ idempotencyKey: idempotencyKey.optional() })).use(({ ctx, meta, input, next }) => {
  const key = readIdempotencyKey({ header: ctx.idempotencyHeader, input: input.idempotencyKey });
  const once: Once | undefined = key === undefined ? undefined : { route: routeOf(meta), key };
  // The key is no part of what it stands for, however it came.
  return next({ ctx: { once }, input: {} });
});

/** A procedure that changes something: under the key in `ctx.once`, where the call has one, a repeated call gets the first answer. */
export const changing = (route: ChangingName) => repeatable.meta({ route });

const keyed = repeatable.use(({ ctx, next }) => {
  const { once } = ctx;
  if (once !== undefined) return next({ ctx: { once } });
  const message = "A stream that comes back sends its call again, which must not act twice: it needs a key.";
  throw new GatewayError("invalid_input", { issues: [{ path: ["idempotencyKey"], code: "missing", message }] });
});

/** A stream that changes something. Its key is needed. */
export const changingStream = (route: ChangingName & ProcedureName<"subscription">) => keyed.meta({ route });
