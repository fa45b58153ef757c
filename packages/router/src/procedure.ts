import { GatewayError } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import { initTRPC } from "@trpc/server";
import type { Context } from "./context.ts";
import { countStream } from "./count-stream.ts";
import { formatError } from "./error-shape.ts";
import { type ProcedureName, type ROUTES, type RouteRow, routeRow } from "./registry.ts";

interface Meta {
  route: ProcedureName;
}

const t = initTRPC
  .context<Context>()
  .meta<Meta>()
  .create({ isDev: false, errorFormatter: ({ error, path, ctx }) => formatError({ error, path, ctx }) });

export const { router, createCallerFactory } = t;

/** Who is calling, where the route needs to know; refuses a credential that lacks the route's scope. */
export async function authorize(ctx: Pick<Context, "gateway" | "credential">, row: RouteRow): Promise<Caller> {
  if (ctx.credential === null) throw new GatewayError("unauthenticated");
  const caller = await ctx.gateway.authenticate(ctx.credential);
  if (row.scope === "authenticated") return caller;
  if (row.scope === "public" || row.scope === "admin_secret" || !caller.scopes.has(row.scope)) throw new GatewayError("missing_scope");
  return caller;
}

type PublicName = { [Name in ProcedureName]: (typeof ROUTES)[Name]["scope"] extends "public" ? Name : never }[ProcedureName];

/** A procedure of the registry that anyone may call. */
export const publicProcedure = (route: PublicName) => t.procedure.meta({ route });

const NEVER = new AbortController().signal;

const authorized = t.procedure.use(async ({ ctx, meta, signal, next }) => {
  if (!meta) throw new GatewayError("internal", { detail: "a procedure without a route" });
  const row = routeRow(meta.route);
  const caller = await authorize(ctx, row);
  const leaving = signal ?? NEVER;
  const proceed = () => next({ ctx: { caller, leaving } });
  return row.attaches ? countStream(proceed, { close: ctx.openStream(caller), leaving }) : proceed();
});

/** A procedure of the registry: its row says who may call it. `ctx.leaving` aborts when the caller goes away. */
export const procedure = (route: Exclude<ProcedureName, PublicName>) => authorized.meta({ route });
