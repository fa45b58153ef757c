export interface Keys {
  /** The channel that carries a conversation's events, shared with all conversations of its shard. */
  tail(conversationId: string): string;
  /** The stream with a conversation's kept deltas. */
  deltas(conversationId: string): string;
  nudges(workerId: string): string;
}

/**
 * All that concerns one conversation carries its shard's hash tag. On a Cluster the stream and the channel therefore live
 * on one node, and an append with its publish stays one round trip, in order.
 */
export function createKeys({ prefix, shards }: { prefix: string; shards: number }): Keys {
  const tags = Array.from({ length: shards }, (_, shard) => `{${prefix}:${shard}}`);
  const tag = (id: string) => tags[hash(id) % shards] ?? "";
  return {
    tail: (conversationId) => `${tag(conversationId)}:tail`,
    deltas: (conversationId) => `${tag(conversationId)}:deltas:${conversationId}`,
    nudges: (workerId) => `${tag(workerId)}:nudges:${workerId}`,
  };
}

/** FNV-1a, 32 bits: ids that differ in their last characters only still spread over all shards. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value >>> 0;
}
