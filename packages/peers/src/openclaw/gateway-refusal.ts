/** An OpenClaw gateway has said no, or something that cannot be understood (`NONSENSE`). */
export class GatewayRefusal extends Error {
  readonly code: string;
  /** It is starting, or busy, and says when to come back. */
  readonly retryAfterMs: number | null;

  constructor(code: string, { said, retryAfterMs }: { said: string; retryAfterMs?: number | undefined }) {
    super(said);
    this.name = "GatewayRefusal";
    this.code = code;
    this.retryAfterMs = retryAfterMs ?? null;
  }
}
