import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import helmet from "helmet";

const YEAR_SECONDS = 31_536_000;

/** What helmet sets, which is the same for every answer and is therefore asked of it once. */
export function securityHeaders({ isTls }: { isTls: boolean }): Headers {
  const answer = new ServerResponse(new IncomingMessage(new Socket()));
  helmet({
    // Nothing that the doors answer is a page; whoever serves pages says what they may load.
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    strictTransportSecurity: isTls ? { maxAge: YEAR_SECONDS, includeSubDomains: true } : false,
    frameguard: { action: "deny" },
  })(answer.req, answer, () => {});
  const headers = new Headers({ "cache-control": "no-store" });
  for (const [name, value] of Object.entries(answer.getHeaders())) headers.set(name, String(value));
  return headers;
}
