/** A key that somebody holds. */
export interface HeldKey {
  principalId: string;
  route: string;
  idempotencyKey: string;
  token: string;
}
