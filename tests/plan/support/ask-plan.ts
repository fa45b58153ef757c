import { eventFrames, type Frame } from "@parley/testkit";

export interface PlanFrame {
  id: string;
  event: string;
  data: Record<string, unknown>;
}

export interface PlanCall {
  url: string;
  apiKey: string;
  body: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export const postPlan = ({ url, apiKey, body, headers, signal }: PlanCall): Promise<Response> =>
  fetch(`${url}/plan`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    signal: signal ?? AbortSignal.timeout(60_000),
  });

const planFrame = ({ id, event, data }: Frame): PlanFrame => ({ id: id ?? "", event: event ?? "", data: JSON.parse(data) });

/** The frames of a plan, as they come. */
export async function* planFrames(call: PlanCall): AsyncGenerator<PlanFrame, void> {
  const response = await postPlan(call);
  if (response.status !== 200 || response.body === null) throw new Error(`${response.status}: ${await response.text()}`);
  for await (const frame of eventFrames(response.body)) yield planFrame(frame);
}

/** All frames of a plan, until its stream ends. */
export async function askPlan(call: PlanCall): Promise<PlanFrame[]> {
  const frames: PlanFrame[] = [];
  for await (const frame of planFrames(call)) frames.push(frame);
  return frames;
}

export const textOf = (frames: PlanFrame[]): string =>
  frames.map(({ event, data }) => (event === "text.delta" ? String(data.delta) : "")).join("");

export const of = (frames: PlanFrame[], event: string): Record<string, unknown>[] =>
  frames.filter((frame) => frame.event === event).map(({ data }) => data);

/** The events in their order, runs of the same one as one. */
export const theOrderOf = (frames: PlanFrame[]): string[] =>
  frames.map(({ event }) => event).filter((event, index, all) => event !== all[index - 1]);
