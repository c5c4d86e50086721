import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeTempFolder } from "../../core/testing/temp-folder.ts";
import { assemble } from "./assemble.ts";

const loops = (module: WebAssembly.Module) => WebAssembly.Module.exports(module).map(({ name }) => name);

let folder = "";

beforeAll(async () => {
  folder = await makeTempFolder("kernels");
});
afterAll(() => rm(folder, { recursive: true }));

test("what was assembled is kept, made anew where it is damaged, and done without where nothing can be kept", async () => {
  const path = join(folder, "cache", "kernels.wasm");
  const first = loops(assemble(path));
  expect(first).toEqual(["sumByteRows", "addRows", "stepRows", "backRows"]);
  const bytes = await readFile(path);
  expect(loops(new WebAssembly.Module(bytes))).toEqual(first);

  // The first eight bytes are a module by themselves, an empty one.
  for (const length of [0, 8, 100]) {
    await writeFile(path, bytes.subarray(0, length));
    expect(loops(assemble(path))).toEqual(first);
    expect(await readFile(path)).toEqual(bytes);
  }

  expect(loops(assemble(join(path, "not-a-folder", "kernels.wasm")))).toEqual(first);
});
