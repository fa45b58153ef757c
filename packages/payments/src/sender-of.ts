import type { Client } from "viem";
import { getTransactionReceipt } from "viem/actions";

/**
 * The wallet that has paid, as the chain has it, in lower case: what a credential says of its source nobody has proved. Null where the chain does not answer any
 * more: what is paid is paid.
 */
export async function senderOf(client: Client, reference: string): Promise<string | null> {
  try {
    return (await getTransactionReceipt(client, { hash: reference as `0x${string}` })).from.toLowerCase();
  } catch {
    return null;
  }
}
