/** Keeps secrets that have to be read again. What is sealed for one place opens nowhere else. */
export interface Vault {
  /** 32 random bytes, in a form that callers can hold. */
  newSecret(): string;
  seal(secret: string, place: string): string;
  /** Throws `internal` for what was not sealed for this place, or with a key that is not there any more. */
  open(sealed: string, place: string): string;
}
