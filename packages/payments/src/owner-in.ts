import { organizationId } from "@parley/contracts";

/** Whose a payment is, by what we have written on it; null for what another product of the same account has written there. */
export function ownerIn(metadata: Record<string, string> | null, type: string): string | null {
  const read = organizationId.safeParse(metadata?.["ownerId"]);
  return metadata?.["type"] === type && read.success ? read.data : null;
}
