import type { AppRouter } from "@parley/router";

export type * from "@parley/contracts";
export type { ErrorData } from "@parley/router";

type Procedures = AppRouter["_def"]["record"];

/** What a subscription gives for each item: the data without the envelope that carries its id. */
type Item<Output> = Output extends AsyncIterable<{ id: string; data: infer Data }> ? Data : never;

type Row<Procedure> = Procedure extends { _def: { type: infer Kind; $types: { input: infer Input; output: infer Output } } }
  ? { kind: Kind; input: Input; output: Kind extends "subscription" ? Item<Output> : Output }
  : never;

export type Routes = { [Namespace in keyof Procedures]: { [Name in keyof Procedures[Namespace]]: Row<Procedures[Namespace][Name]> } };
