/** Makes bytes of the loops' text, once: the assembler takes some 60 ms and 25 MB, which each start and each training would pay. */
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

/** @param path where the bytes are kept; where nothing can be written there, all goes on as without */
export async function assemble(path = kept): Promise<WebAssembly.Module> {
  try {
    const there = new WebAssembly.Module(readFileSync(path));
    // The beginning of a module may be a module too, of which nothing can be called.
    if (WebAssembly.Module.exports(there).length > 0) return there;
  } catch {
    // There is none yet, or it is damaged.
  }
  const { default: openWabt } = await import("wabt");
  const parsed = (await openWabt()).parseWat("kernels.wat", text, { simd: true });
  const bytes = new Uint8Array(parsed.toBinary({}).buffer);
  parsed.destroy();
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
