import type { Limits } from "@parley/contracts";
import type { Administration, Caller, Gateway, Log } from "@parley/domain";
import type { OpenStream, RouteName } from "@parley/router";
import type { ConfigKeeper } from "@parley/settings";
import type { Request, Response } from "express";
import type { Attachments } from "../attachments.ts";
import type { ReadJsonBody } from "../json-body.ts";

/** What all handlers share. */
export interface Door {
  gateway: Gateway;
  administration: Administration;
  log: Log;
  attachments: Attachments;
  openStream: OpenStream;
  readJsonBody: ReadJsonBody;
  /** The configuration file's; null where there is none. */
  keeper: Pick<ConfigKeeper, "onPatched"> | null;
  limits: Limits;
}

/** One authorised request. */
export interface Call {
  /** Its row in the registry: idempotency keys are scoped to it. */
  route: RouteName;
  request: Request;
  response: Response;
  caller: Caller;
  credential: string | null;
}

export type Handler = (door: Door, call: Call) => Promise<void>;
