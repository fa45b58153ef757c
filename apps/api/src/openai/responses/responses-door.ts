import type { Responses } from "@parley/domain";
import type { Call, Door } from "../call.ts";

/** What the handlers of these routes share. */
export interface ResponsesDoor extends Door {
  responses: Responses;
  /** Aborts when the process is told to stop. */
  closing: AbortSignal;
}

export type ResponsesHandler = (door: ResponsesDoor, call: Call) => Promise<void>;

/** A parameter of the path, as text. */
export const named = ({ request }: Call, name: string): string => String(request.params[name] ?? "");
