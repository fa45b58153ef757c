type Fields = Record<string, unknown>;

/** Structured logging: fields first, then what happened. Never a secret, never a user's text. */
export interface Log {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
  child(fields: Fields): Log;
}
