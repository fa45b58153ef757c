import type { Limits } from "@parley/contracts";
import type { Caller, Gateway, Log } from "@parley/domain";
import type { OpenStream, RouteName } from "@parley/router";
import type { Request, Response } from "express";
import type { Attachments } from "../attachments.ts";
import type { ReadJsonBody } from "../json-body.ts";

export interface Door {
  gateway: Gateway;
  log: Log;
  attachments: Attachments;
  openStream: OpenStream;
  readJsonBody: ReadJsonBody;
  limits: Limits;
}

/** One authorised request. */
export interface Call {
  route: RouteName;
  request: Request;
  response: Response;
  caller: Caller;
  credential: string | null;
}
