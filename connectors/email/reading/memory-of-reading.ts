/**
 * Reads the mails in the files named as arguments, in a process of its own, and prints a line of JSON: what became of
 * each, its milliseconds, and by how many MB the process grew at most, the raw mails included. For tests.
 * The first argument is the file of the worker.
 */
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { createMailReader } from "./reader.ts";

const [worker = "", ...files] = process.argv.slice(2);
const reader = createMailReader(
  { maxBytes: 40_000_000, maxFiles: 100, timeoutMs: 10_000 },
  { worker: pathToFileURL(worker) },
);
// The worker's own start is no mail's fault.
await reader.read(Buffer.from("From: a@b\r\nContent-Type: text/html\r\n\r\n<p>warm</p>"));
const before = process.resourceUsage().maxRSS;
const mails: { file: string; ms: number; unreadable?: string }[] = [];
for (const file of files) {
  const started = performance.now();
  const result = await reader.read(readFileSync(file));
  const ms = Math.round(performance.now() - started);
  mails.push({ file, ms, ...("unreadable" in result ? { unreadable: result.unreadable } : {}) });
}
const grownMb = Math.round((process.resourceUsage().maxRSS - before) / 1024);
process.stdout.write(`${JSON.stringify({ mails, grownMb })}\n`);
await reader.close();
