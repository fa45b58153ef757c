import { GatewayError, type Limits } from "@parley/contracts";
import type { ClaimedCall } from "@parley/domain";
import type { Response } from "express";
import { type Call, type Door, onceOf } from "./call.ts";

/** An answer as a repeated call gets it again, byte for byte. */
interface KeptAnswer {
  contentType: string;
  encoding: "utf8" | "base64";
  body: string;
}

/** What goes out, gathered for those who repeat the call; more than is kept is not gathered. */
export class AnswerCopy {
  readonly #claim: ClaimedCall;
  readonly #bytesMax: number;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(claim: ClaimedCall, { keptAnswerBytesMax }: Limits) {
    this.#claim = claim;
    this.#bytesMax = keptAnswerBytesMax;
  }

  add(piece: string | Uint8Array): void {
    const bytes = Buffer.from(piece);
    this.#bytes += bytes.byteLength;
    if (this.#bytes <= this.#bytesMax) this.#pieces.push(bytes);
    else this.#pieces = [];
  }

  /** Before the answer's end is sent: whoever has it whole can ask for it again. */
  async keep(contentType: string): Promise<void> {
    if (this.#bytes > this.#bytesMax) return this.#claim.keep({ tooLarge: true });
    const encoding = /json|text\//.test(contentType) ? "utf8" : "base64";
    const answer: KeptAnswer = { contentType, encoding, body: Buffer.concat(this.#pieces).toString(encoding) };
    await this.#claim.keep(answer);
  }
}

function sendKept(response: Response, answer: object): void {
  const { contentType, encoding, body } = answer as Partial<KeptAnswer>;
  if (contentType === undefined || encoding === undefined || body === undefined) throw new GatewayError("answer_not_kept");
  response.writeHead(200, { "content-type": contentType });
  response.end(Buffer.from(body, encoding));
}

interface Repeatable {
  /** What the call says, for telling it from another one under the same key. */
  input: unknown;
  signal: AbortSignal;
}

/**
 * Answers a call: where it has a key, once, and with the kept answer whenever it is repeated. A call that failed, or whose caller left before its
 * end, leaves its key free.
 */
export async function answerOnce(
  door: Door,
  call: Call,
  { input, signal }: Repeatable,
  answer: (copy: AnswerCopy | null) => Promise<void>,
): Promise<void> {
  const once = onceOf(call);
  if (once === undefined) return answer(null);
  const claim = await door.gateway.claimCall(call.caller, once, input, signal);
  if (claim.answer !== null) return sendKept(call.response, claim.answer);
  try {
    await answer(new AnswerCopy(claim, door.limits));
  } finally {
    // Does nothing where the answer was kept.
    await claim.free();
  }
}
