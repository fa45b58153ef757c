import { GatewayError, isGatewayError, type NewEvent, type TurnEndReason } from "@parley/contracts";
import type { MeteredModel, MeteredResponse, MeterReading } from "../billing/meter-model.ts";
import type { Clock } from "../clock.ts";
import type { ModelRequest } from "../model/model.ts";
import { storableJson, storableText, withoutNul } from "./storable.ts";
import { TurnAbort } from "./turn-abort.ts";

interface ModelCall {
  /** Without model and signal: both are chosen here. */
  request: Omit<ModelRequest, "model" | "signal">;
  /** The first is the agent's own, the others its fallbacks, in order. */
  models: string[];
  signal: AbortSignal;
  executionId: string;
  turnId: string;
}

interface ModelCallPorts {
  model: MeteredModel;
  clock: Clock;
  /** Further tries of each model. */
  retriesMax: number;
  /** Resolves when an effect outside may be started. */
  ensureFresh: () => Promise<void>;
  onText: (text: string) => void;
  /** Everything said in this step so far is void: forget it and tell the readers, together with `events`. */
  retract: (events: NewEvent[]) => Promise<void>;
  /** A try is about to be made; what tells how far it is. */
  onCall: (soFar: () => MeterReading, tryNumber: number) => void;
  meter: (reading: MeterReading, tryNumber: number) => void;
  random: () => number;
}

const FIRST_DELAY_MS = 300;
const DELAY_MAX_MS = 8_000;

/**
 * One step's response: bounded retries with jitter on each model, then the next model; each an event. A response that
 * broke off is retracted before the next try. Throws `TurnAbort` when no model answers.
 */
export async function callModel(call: ModelCall, ports: ModelCallPorts): Promise<MeteredResponse & { model: string }> {
  let tries = 0;
  let lastError: GatewayError | undefined;
  for (const [place, model] of call.models.entries()) {
    if (lastError !== undefined) {
      const from = call.models[place - 1] ?? model;
      await ports.retract([event(call, "model.fell_back", { from, to: model, error: lastError.code })]);
    }
    for (let retry = 0; retry <= ports.retriesMax; retry += 1) {
      await ports.ensureFresh();
      const tryNumber = tries;
      tries += 1;
      try {
        const response = await ports.model(
          { ...call.request, model, signal: call.signal },
          {
            onText: (text) => ports.onText(withoutNul(text)),
            onCall: (soFar) => ports.onCall(soFar, tryNumber),
            meter: (reading) => ports.meter(reading, tryNumber),
          },
        );
        return { ...storableResponse(response), model };
      } catch (error) {
        call.signal.throwIfAborted();
        if (!(error instanceof GatewayError)) throw error;
        lastError = error;
        if (!isGatewayError(error, "model_unavailable") || retry === ports.retriesMax) break;
        const delayMs = retryDelayMs(error, retry, ports.random());
        await ports.retract([event(call, "model.retried", { model, retry: retry + 1, delayMs, error: error.code })]);
        await ports.clock.sleep(delayMs, call.signal);
        call.signal.throwIfAborted();
      }
    }
  }
  const reason: TurnEndReason = lastError?.code === "model_unavailable" ? "model_unavailable" : "model_rejected";
  throw new TurnAbort(reason, lastError?.message);
}

/** What a model says is kept as it is, but for what cannot be kept. */
const storableResponse = (response: MeteredResponse): MeteredResponse => ({
  ...response,
  text: storableText(response.text),
  toolCalls: response.toolCalls.map(({ id, name, arguments: given }) => ({
    id: storableText(id),
    name: storableText(name),
    arguments: storableJson(given),
  })),
});

/** Full jitter over an exponential delay; never less than what the provider asked for, within our own bound. */
function retryDelayMs(error: GatewayError, retry: number, random: number): number {
  const asked = (error.retryAfterSeconds ?? 0) * 1_000;
  const jittered = random * Math.min(FIRST_DELAY_MS * 2 ** retry, DELAY_MAX_MS);
  return Math.round(Math.min(Math.max(asked, jittered), DELAY_MAX_MS));
}

function event<Type extends "model.retried" | "model.fell_back">(
  call: ModelCall,
  type: Type,
  data: Extract<NewEvent, { type: Type }>["data"],
): NewEvent {
  return { type, executionId: call.executionId, turnId: call.turnId, data } as NewEvent;
}
