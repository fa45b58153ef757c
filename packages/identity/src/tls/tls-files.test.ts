import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeCertificates, type TestCertificates } from "@parley/testkit/certificates";
import { afterAll, beforeAll, expect, test } from "vitest";
import { certificateCredential, clientPrincipals, createCertificateAuthenticator } from "./client-principals.ts";
import { readTlsFiles } from "./tls-files.ts";

let files: TestCertificates;
beforeAll(() => {
  files = makeCertificates();
});
afterAll(() => files.remove());

const problemsOf = (places: Parameters<typeof readTlsFiles>[0], nowMs?: number): string => {
  try {
    readTlsFiles(places, nowMs);
    return "";
  } catch (error) {
    return String(error);
  }
};

test("good files are read", () => {
  const { server, authority } = files;
  expect(readTlsFiles({ certificate: server.certificate, key: server.key, authority: authority.certificate })).toEqual({
    cert: expect.stringContaining("BEGIN CERTIFICATE"),
    key: expect.stringContaining("PRIVATE KEY"),
    ca: expect.stringContaining("BEGIN CERTIFICATE"),
  });
});

test("all that is wrong is said at once: what is missing, what is no PEM, a foreign key, what has expired", () => {
  const { server, client, authority, folder } = files;
  const text = join(folder, "notes.txt");
  writeFileSync(text, "hello");
  const missing = problemsOf({ certificate: join(folder, "nothing"), key: text, authority: text });
  expect(missing).toMatch(
    /TLS_CERT_FILE: .*nothing cannot be read \(ENOENT\)\n.*TLS_KEY_FILE: .* is no PEM file\n.*TLS_CA_FILE: .* is no PEM file/,
  );
  expect(problemsOf({ certificate: server.certificate, key: client.key, authority: null })).toContain("is not the key of the certificate");
  const later = problemsOf(
    { certificate: server.certificate, key: server.key, authority: authority.certificate },
    Date.now() + 10 * 365 * 86_400_000,
  );
  expect(later).toMatch(/TLS_CERT_FILE: CN=localhost has expired[\s\S]*TLS_CA_FILE: CN=Test authority has expired/);
  expect(problemsOf({ certificate: server.key, key: server.key, authority: null })).toContain("TLS_CERT_FILE: has no certificate");
});

test("a certificate is known by its fingerprint, or by its name, and no header can say so", async () => {
  const fingerprint = Array.from({ length: 32 }, () => "AB").join(":");
  const organization_id = "0198b2f0-0000-7000-8000-000000000001";
  const principals = clientPrincipals.parse(
    JSON.stringify({
      "CN=billing": { organization_id, scopes: ["agents:read"] },
      [`sha256:${fingerprint}`]: { organization_id, scopes: ["admin"] },
    }),
  );
  const { authenticate, isOurs } = createCertificateAuthenticator(principals);
  const credential = certificateCredential({ fingerprint256: "00", subject: { CN: "billing" } }, principals) ?? "";
  expect(isOurs(credential)).toBe(true);
  expect(await authenticate(credential)).toMatchObject({ principalId: "certificate:CN=billing", scopes: new Set(["agents:read"]) });
  const strong = certificateCredential({ fingerprint256: fingerprint, subject: { CN: "billing" } }, principals) ?? "";
  expect(await authenticate(strong)).toMatchObject({ scopes: new Set(["admin"]) });
  expect(certificateCredential({ fingerprint256: "00", subject: { CN: "other" } }, principals)).toBeNull();
  expect(credential).toContain(" ");
});
