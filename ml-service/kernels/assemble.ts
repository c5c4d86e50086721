/** Makes bytes of the loops' text, once: the assembler takes some 0.1 s, which each start and each training would pay. */
import { execFileSync } from "node:child_process";
import { hash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { threadId } from "node:worker_threads";

const text = readFileSync(join(import.meta.dirname, "kernels.wat"), "utf8");
/** Beside the code that Node keeps compiled between starts. */
const kept = join(
  import.meta.dirname,
  "../../node_modules/.cache/deskwire",
  `kernels-${hash("sha256", text).slice(0, 16)}.wasm`,
);

/**
 * Without `await`, and so in a process of its own: where a module of a thread awaits something, and the thread is given up while it
 * works, Node 24.21 ends the whole process.
 * @param path where the bytes are kept; where nothing can be written there, all goes on as without
 */
export function assemble(path = kept): WebAssembly.Module {
  try {
    const there = new WebAssembly.Module(readFileSync(path));
    // The beginning of a module may be a module too, of which nothing can be called.
    if (WebAssembly.Module.exports(there).length > 0) return there;
  } catch {
    // There is none yet, or it is damaged.
  }
  const assembler = join(import.meta.dirname, "assembler.ts");
  const bytes = new Uint8Array(execFileSync(process.execPath, [assembler], { input: text, stdio: "pipe" }));
  keep(path, bytes);
  return new WebAssembly.Module(bytes);
}

function keep(path: string, bytes: Uint8Array): void {
  const written = `${path}.${process.pid}.${threadId}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(written, bytes);
    renameSync(written, path);
  } catch {
    // A read-only installation assembles at each start.
  }
}
