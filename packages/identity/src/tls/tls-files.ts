import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

export interface TlsPlaces {
  certificate: string;
  key: string;
  /** Whose client certificates are good; null: no client is asked for one. */
  authority: string | null;
}

export interface TlsFiles {
  cert: string;
  key: string;
  ca: string | null;
}

const PEM = "-----BEGIN ";
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

interface Read {
  text: string;
  problems: string[];
}

function read(what: string, path: string): Read {
  try {
    const text = readFileSync(path, "utf8");
    return { text, problems: text.includes(PEM) ? [] : [`${what}: ${path} is no PEM file`] };
  } catch (error) {
    return { text: "", problems: [`${what}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"})`] };
  }
}

/** The first is the server's own; all must be valid now. */
function certificatesIn(what: string, text: string, nowMs: number): { first: X509Certificate | null; problems: string[] } {
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) return { first: null, problems: [`${what}: has no certificate`] };
  try {
    const certificates = blocks.map((block) => new X509Certificate(block));
    const problems = certificates.flatMap(({ subject, validFrom, validTo }) => {
      const name = subject.replaceAll("\n", ", ");
      if (Date.parse(validTo) <= nowMs) return [`${what}: ${name} has expired on ${validTo}`];
      return Date.parse(validFrom) > nowMs ? [`${what}: ${name} is not valid before ${validFrom}`] : [];
    });
    return { first: certificates[0] ?? null, problems };
  } catch {
    return { first: null, problems: [`${what}: has a certificate that cannot be read`] };
  }
}

function keyProblems(text: string, certificate: X509Certificate | null): string[] {
  try {
    const key = createPrivateKey(text);
    return certificate?.checkPrivateKey(key) === false ? ["TLS_KEY_FILE: is not the key of the certificate"] : [];
  } catch {
    return ["TLS_KEY_FILE: has a key that cannot be read"];
  }
}

/** Reads and checks the files that the server's TLS is made of. Throws one error that lists everything that is wrong with them. */
export function readTlsFiles({ certificate, key, authority }: TlsPlaces, nowMs = Date.now()): TlsFiles {
  const cert = read("TLS_CERT_FILE", certificate);
  const secret = read("TLS_KEY_FILE", key);
  const ca = authority === null ? null : read("TLS_CA_FILE", authority);
  const problems = [...cert.problems, ...secret.problems, ...(ca?.problems ?? [])];
  if (problems.length === 0) {
    const own = certificatesIn("TLS_CERT_FILE", cert.text, nowMs);
    const theirs = ca === null ? [] : certificatesIn("TLS_CA_FILE", ca.text, nowMs).problems;
    problems.push(...own.problems, ...keyProblems(secret.text, own.first), ...theirs);
  }
  if (problems.length > 0) throw new Error(`TLS cannot be served:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
  return { cert: cert.text, key: secret.text, ca: ca?.text ?? null };
}
