/** A peer sends more than is read of one call. */
export class TooMuch extends Error {
  constructor() {
    super("The agent sent more than may be read of one call.");
    this.name = "TooMuch";
  }
}
