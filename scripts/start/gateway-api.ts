/** The few calls that a start makes to the gateway it has started. */
export interface GatewayApi {
  /** An operator's call, with the admin secret. */
  admin(path: string, body: object): Promise<Record<string, unknown>>;
  /** A procedure, with the key. */
  query(procedure: string, input: object, apiKey: string): Promise<Record<string, unknown>>;
  mutate(procedure: string, input: object, apiKey: string): Promise<Record<string, unknown>>;
}

/** An answer that is no success, with the status it had. */
export class ApiRefusal extends Error {
  readonly status: number;
  constructor(path: string, status: number, body: string) {
    super(`${path} answered ${status}: ${body.slice(0, 300)}`);
    this.status = status;
  }
}

export function createGatewayApi(url: string, adminSecret: string): GatewayApi {
  const post = (path: string, body: object, headers: Record<string, string>) =>
    call(url, path, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) });
  return {
    admin: (path, body) => post(path, body, { "x-admin-secret": adminSecret }),
    async query(procedure, input, apiKey) {
      const path = `/trpc/${procedure}?input=${encodeURIComponent(JSON.stringify(input))}`;
      return resultOf(await call(url, path, { headers: { "x-api-key": apiKey } }));
    },
    async mutate(procedure, input, apiKey) {
      return resultOf(await post(`/trpc/${procedure}`, input, { "x-api-key": apiKey }));
    },
  };
}

async function call(url: string, path: string, request: RequestInit): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}${path}`, { ...request, signal: AbortSignal.timeout(15_000) });
  const text = await response.text();
  if (!response.ok) throw new ApiRefusal(path, response.status, text);
  return JSON.parse(text) as Record<string, unknown>;
}

function resultOf(answer: Record<string, unknown>): Record<string, unknown> {
  return (answer["result"] as { data: Record<string, unknown> }).data;
}
