import { createHmac, timingSafeEqual } from "node:crypto";
import type { CheckSignature } from "@parley/domain";

const LENGTHS = { sha256: 64, sha384: 96, sha512: 128 } as const;

/** HMAC over `<timestamp>.<body>`, or over the body alone where there is no time; lower-case hex and nothing else. */
export const checkSignature: CheckSignature = ({ algorithm, secrets, timestamp, body, signature }) => {
  const isWhole = signature.length === LENGTHS[algorithm] && /^[0-9a-f]+$/.test(signature);
  const given = Buffer.from(isWhole ? signature : "0".repeat(LENGTHS[algorithm]), "hex");
  let fits = false;
  for (const secret of secrets) {
    const mac = createHmac(algorithm, secret);
    if (timestamp !== null) mac.update(`${timestamp}.`);
    // All are compared, whichever fits.
    if (timingSafeEqual(mac.update(body).digest(), given)) fits = true;
  }
  return fits && isWhole;
};
