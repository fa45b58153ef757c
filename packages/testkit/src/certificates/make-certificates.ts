import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface CertificateFiles {
  certificate: string;
  key: string;
}

export interface TestCertificates {
  folder: string;
  authority: CertificateFiles;
  /** Of `localhost` and 127.0.0.1. */
  server: CertificateFiles;
  /** `CN=billing`, by the authority. */
  client: CertificateFiles;
  /** `CN=billing` too, by an authority that nobody knows. */
  stranger: CertificateFiles;
  remove(): void;
}

/** Certificates by `openssl`, good for a day; in a folder of their own. */
export function makeCertificates(): TestCertificates {
  const folder = mkdtempSync(join(tmpdir(), "parley-certificates-"));
  const place = (name: string): CertificateFiles => ({ certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) });
  const openssl = (...parameters: string[]): void => void execFileSync("openssl", parameters, { stdio: "ignore" });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

  function authorityOf(name: string, commonName: string): CertificateFiles {
    const files = place(name);
    openssl("req", "-x509", ...newKey, "-keyout", files.key, "-out", files.certificate, "-days", "1", "-subj", `/CN=${commonName}`);
    return files;
  }
  function signed(name: string, commonName: string, by: CertificateFiles): CertificateFiles {
    const files = place(name);
    const request = join(folder, `${name}.csr`);
    const extensions = join(folder, `${name}.ext`);
    writeFileSync(extensions, "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    openssl("req", ...newKey, "-keyout", files.key, "-out", request, "-subj", `/CN=${commonName}`);
    const signing = ["-CA", by.certificate, "-CAkey", by.key, "-CAcreateserial", "-days", "1", "-extfile", extensions];
    openssl("x509", "-req", "-in", request, "-out", files.certificate, ...signing);
    return files;
  }

  const authority = authorityOf("authority", "Test authority");
  const foreign = authorityOf("foreign", "Foreign authority");
  return {
    folder,
    authority,
    server: signed("server", "localhost", authority),
    client: signed("client", "billing", authority),
    stranger: signed("stranger", "billing", foreign),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
