import { A2aError, OUTPUT_MODES } from "@parley/peers";

/** As clients write it: with parameters, in capitals, for a whole family, or by the short name that the protocol's first samples had. */
function takes(accepted: string, mode: string): boolean {
  const bare = accepted.split(";")[0]?.trim().toLowerCase() ?? "";
  const [family = ""] = mode.split("/");
  return ["*", "*/*", mode, `${family}/*`, family].includes(bare);
}

/** Answers are what the cards say. Throws `contentType` for a client that can take none of it, before anything is kept; who names nothing takes anything. */
export function checkOutputModes(accepted: string[] = []): void {
  if (accepted.length === 0 || OUTPUT_MODES.some((mode) => accepted.some((one) => takes(one, mode)))) return;
  throw new A2aError("contentType", `Answers are ${OUTPUT_MODES.join(", ")}: acceptedOutputModes has nothing of it.`);
}
