import type { A2aVersion, Limits } from "@parley/contracts";
import type { Caller, Gateway, Log } from "@parley/domain";
import type { OpenStream } from "@parley/router";
import type { Request, Response } from "express";
import type { Attachments } from "../attachments.ts";

/** What all requests to our A2A servers share. */
export interface A2aDoor {
  gateway: Gateway;
  log: Log;
  limits: Limits;
  attachments: Attachments;
  openStream: OpenStream;
  /** Under which address callers know this gateway; null: the one that they asked at. */
  publicUrl: string | null;
}

/** One authorised request to an agent that its caller may use. */
export interface A2aCall {
  version: A2aVersion;
  agentId: string;
  caller: Caller;
  request: Request;
  response: Response;
  credential: string | null;
  /** Under which address the caller has reached this gateway. */
  origin: string;
  /** Aborts when the caller is gone. */
  leaving: AbortController;
}
