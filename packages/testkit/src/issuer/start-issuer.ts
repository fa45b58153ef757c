import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

interface SigningKey {
  kid: string;
  publicKey: KeyObject;
  privateKey: KeyObject;
}

export interface Issuer extends AsyncDisposable {
  /** `host:port`, as allow-lists name it. */
  host: string;
  url: string;
  jwksUrl: string;
  /** How often its keys were asked for. */
  asked(): number;
  /** A new key to sign with; the old ones are published no more, unless `keep` says so. */
  rotate(options?: { keep?: boolean }): void;
  /** A token signed with the newest key: of this issuer, for the audience `parley`, good for a minute, but for what is given. */
  token(claims?: Record<string, unknown>): string;
  /** The newest public key in PEM. */
  publicPem(): string;
  /** The newest key's name. */
  kid(): string;
  /** While true, its keys cannot be had. */
  isAway: boolean;
}

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Who gives out tokens: a server that publishes its keys. */
export async function startIssuer(): Promise<Issuer> {
  const keys: SigningKey[] = [];
  let made = 0;
  let asked = 0;
  const addKey = (): void => {
    made += 1;
    keys.unshift({ kid: `key-${made}`, ...generateKeyPairSync("rsa", { modulusLength: 2_048 }) });
  };
  addKey();
  const newest = (): SigningKey => keys[0] as SigningKey;
  const server = createServer((_request, response) => {
    asked += 1;
    if (issuer.isAway) {
      response.statusCode = 503;
      response.end();
      return;
    }
    const jwks = keys.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" }));
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ keys: jwks }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const url = `http://${host}`;
  const issuer: Issuer = {
    host,
    url,
    jwksUrl: `${url}/jwks`,
    asked: () => asked,
    isAway: false,
    rotate({ keep = false } = {}) {
      if (!keep) keys.length = 0;
      addKey();
    },
    token(claims = {}) {
      const seconds = Math.floor(Date.now() / 1_000);
      const payload = { iss: url, aud: "parley", sub: "user-1", iat: seconds, exp: seconds + 60, ...claims };
      const text = `${encoded({ alg: "RS256", typ: "JWT", kid: newest().kid })}.${encoded(payload)}`;
      return `${text}.${sign("RSA-SHA256", Buffer.from(text), newest().privateKey).toString("base64url")}`;
    },
    publicPem: () => String(newest().publicKey.export({ format: "pem", type: "spki" })),
    kid: () => newest().kid,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return issuer;
}
