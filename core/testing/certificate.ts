/** A certificate for the loopback that nobody trusts, for tests of TLS. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** Writes `key.pem` and `cert.pem` (for `localhost` and 127.0.0.1, one day long) into `dir`; needs OpenSSL's program. */
export async function makeCertificate(dir: string): Promise<string> {
  const cert = join(dir, "cert.pem");
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const files = ["-keyout", join(dir, "key.pem"), "-out", cert];
  await promisify(execFile)("openssl", ["req", "-x509", "-days", "1", ...key, ...files, ...subject]);
  return readFile(cert, "utf8");
}
