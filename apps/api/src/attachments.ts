import { GatewayError, isGatewayError } from "@parley/contracts";

/** A long-lived connection of a caller: a subscription's stream or a socket. */
export interface Attachment {
  /** Asked again and again as long as it lives; null where there is nothing to revoke. */
  credential: string | null;
  /** Called every few seconds, to keep a silent connection alive and to cut one that takes nothing. */
  beat(nowMs: number): void;
  /** Ends the connection and says why: `unauthenticated`, or `stream_ended` when the process shuts down. */
  refuse(error: GatewayError): void;
}

export interface Attachments {
  /** Returns what forgets it again. */
  add(attachment: Attachment): () => void;
  /** Ends all, and each that is still added. */
  close(): void;
}

interface Settings {
  /** Throws `unauthenticated` when the credential is not good any more. */
  authenticate(credential: string): Promise<unknown>;
  onCount?(attached: number): void;
  /** With the time a credential is believed, revocation ends a connection within 5 s. */
  lookEveryMs?: number;
}

const LOOK_EVERY_MS = 2_000;
/** Reads of credentials at a time, so that ten thousand of them are no burst on the database. */
const ASKED_AT_ONCE = 20;

/** One timer for all connections: an idle one costs its socket and little else. */
export function createAttachments({ authenticate, onCount, lookEveryMs = LOOK_EVERY_MS }: Settings): Attachments {
  const attached = new Set<Attachment>();
  let timer: NodeJS.Timeout | undefined;
  let looking = false;
  let closing = false;

  function changed(): void {
    onCount?.(attached.size);
    if (attached.size > 0) timer ??= setInterval(() => void look(), lookEveryMs).unref();
    else {
      clearInterval(timer);
      timer = undefined;
    }
  }

  /** Only a clear "no" ends a connection; where it cannot be known now, the next look asks again. */
  async function isRevoked(credential: string): Promise<boolean> {
    try {
      await authenticate(credential);
      return false;
    } catch (error) {
      return isGatewayError(error, "unauthenticated");
    }
  }

  async function endRevoked(): Promise<void> {
    const credentials = new Set<string>();
    for (const { credential } of attached) if (credential !== null) credentials.add(credential);
    const waiting = credentials.values();
    const revoked = new Set<string>();
    await Promise.all(
      Array.from({ length: ASKED_AT_ONCE }, async () => {
        for (const credential of waiting) if (await isRevoked(credential)) revoked.add(credential);
      }),
    );
    for (const attachment of revoked.size === 0 ? [] : [...attached]) {
      if (attachment.credential !== null && revoked.has(attachment.credential)) attachment.refuse(new GatewayError("unauthenticated"));
    }
  }

  async function look(): Promise<void> {
    const nowMs = performance.now();
    for (const attachment of attached) attachment.beat(nowMs);
    if (looking) return;
    looking = true;
    await endRevoked().finally(() => {
      looking = false;
    });
  }

  return {
    add(attachment) {
      attached.add(attachment);
      changed();
      if (closing) attachment.refuse(new GatewayError("stream_ended"));
      return () => {
        if (attached.delete(attachment)) changed();
      };
    },
    close() {
      closing = true;
      for (const attachment of [...attached]) attachment.refuse(new GatewayError("stream_ended"));
    },
  };
}
