import type { Limits } from "@parley/contracts";
import { bad } from "./plugins/plugin.ts";
import type { Sale } from "./sale.ts";

/** The price of a call is the same however long it is, and what models read and hear is paid by who sells it. Throws `bad_request`. */
export function checkGuest(
  { plugin, body }: Pick<Sale, "plugin" | "body">,
  { guestInputCharsMax, guestAudioBytesMax }: Pick<Limits, "guestInputCharsMax" | "guestAudioBytesMax">,
): void {
  const chars = plugin.charsToRead?.(body) ?? 0;
  if (chars === Number.POSITIVE_INFINITY) throw bad("Only text without a key.");
  if (chars > guestInputCharsMax) throw bad(`At most ${guestInputCharsMax} characters without a key.`);
  if ((plugin.bytesToHear?.(body) ?? 0) > guestAudioBytesMax) throw bad(`At most ${guestAudioBytesMax} bytes of sound without a key.`);
}
