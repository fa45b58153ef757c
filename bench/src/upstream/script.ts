/** What the scripted model does, written into the model's name so that every gateway carries it: `t64-f40-g0`, `t64-f40-g0-c20`. */
export interface Script {
  tokens: number;
  /** Ms between the role chunk and the first token. */
  firstMs: number;
  /** Ms between two tokens; with 0 they go out eight at a time, as fast as the socket takes them. */
  gapMs: number;
  /** So many calls of the first tool come before any token; the tokens are what follows their results. */
  calls?: number;
}

const SHAPE = /t(\d{1,5})-f(\d{1,6})-g(\d{1,5})(?:-c(\d{1,3}))?$/;

export const scriptName = ({ tokens, firstMs, gapMs, calls }: Script): string =>
  `t${tokens}-f${firstMs}-g${gapMs}${calls === undefined ? "" : `-c${calls}`}`;

/** Null for a name that is not a script. A prefix (`custom/…`) is ignored. */
export function parseScript(name: string): Script | null {
  const match = SHAPE.exec(name);
  if (match === null) return null;
  const [, tokens, firstMs, gapMs, calls] = match;
  return { tokens: Number(tokens), firstMs: Number(firstMs), gapMs: Number(gapMs), ...(calls !== undefined && { calls: Number(calls) }) };
}

/** Each token names its place, so a lost, doubled or moved one shows. */
export const tokenAt = (index: number): string => `t${index} `;

export const wholeText = (tokens: number): string => Array.from({ length: tokens }, (_, index) => tokenAt(index)).join("");
