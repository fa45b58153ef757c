import type { Dispatcher } from "undici";
import { type Script, wholeText } from "../upstream/script.ts";
import type { Target } from "./target.ts";

/** One turn whose answer comes whole. Rejects when it is not the script's text. */
export async function plainTurn(pool: Dispatcher, target: Target, script: Script): Promise<void> {
  if (target.plain === null) throw new Error(`${target.name} has no plain route.`);
  const { statusCode, body } = await pool.request({ ...target.plain(script), headersTimeout: 0, bodyTimeout: 0 });
  const received = await body.text();
  if (statusCode !== 200) throw new Error(`${target.name} answered ${statusCode}: ${received.slice(0, 300)}`);
  const text = target.readPlain(received);
  if (text !== wholeText(script.tokens))
    throw new Error(`${target.name} did not answer every token: ${JSON.stringify(text.slice(0, 200))}`);
}
