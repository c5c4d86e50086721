/**
 * Reads the mails in the files named as arguments, in a process of its own, and prints a line of JSON: what became of
 * each, its milliseconds, and by how many MB the process grew at most, the raw mails included. For tests.
 * The first argument is the file of the worker.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { createMailReader } from "./reader.ts";

const [worker = "", ...files] = process.argv.slice(2);
const reader = createMailReader(
  { maxBytes: 40_000_000, maxFiles: 100, timeoutMs: 20_000 },
  { worker: pathToFileURL(worker) },
);
// The worker's own start is no mail's fault.
await reader.read(Buffer.from("From: a@b\r\nContent-Type: text/html\r\n\r\n<p>warm</p>"));
const before = startMeasuring();
const mails: { file: string; ms: number; unreadable?: string }[] = [];
for (const file of files) {
  const started = performance.now();
  const result = await reader.read(readFileSync(file));
  const ms = Math.round(performance.now() - started);
  mails.push({ file, ms, ...("unreadable" in result ? { unreadable: result.unreadable } : {}) });
}
const grownMb = Math.round((peakKb() - before) / 1024);
process.stdout.write(`${JSON.stringify({ mails, grownMb })}\n`);
await reader.close();

/** The memory now, in KB, from which the peak is counted. */
function startMeasuring(): number {
  // The peak that the system remembers includes the parent's memory before it started this process: forget it.
  if (existsSync("/proc/self/clear_refs")) writeFileSync("/proc/self/clear_refs", "5");
  return process.memoryUsage.rss() / 1024;
}

function peakKb(): number {
  if (!existsSync("/proc/self/status")) return process.resourceUsage().maxRSS;
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}
