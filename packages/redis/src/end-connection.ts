/**
 * Ends a connection and rejects all that waits for it. A client that is told to go while it pauses between two attempts keeps
 * its commands for ever; one that is just connecting rejects them.
 */
export function endConnection(client: { status: string; connect(): Promise<unknown>; disconnect(): void }): void {
  if (client.status === "reconnecting") client.connect().catch(() => undefined);
  client.disconnect();
}
