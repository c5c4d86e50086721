/** Dovecot's tool for administrators, on the configuration of a test. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

export async function runDoveadm(dir: string, args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("doveadm", ["-c", join(dir, "dovecot.conf"), ...args]);
  return stdout;
}
