/** Browser code without a build step: TypeScript files of a connector's own pages, served as JavaScript. */
import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";

/**
 * Reads a TypeScript module (types that can be erased only) and returns it as JavaScript for a browser. Imports of
 * neighbouring `.ts` files point to `.js` in the result. Meant for the start, not for every request.
 */
export function browserCode(file: URL): string {
  const source = readFileSync(file, "utf8");
  return quietly(() => stripTypeScriptTypes(source)).replace(/(from\s+"\.\/[\w-]+)\.ts"/g, '$1.js"');
}

/** Node calls this function experimental and says so on stderr: that one warning is held back, all others pass. */
function quietly(strip: () => string): string {
  const emit = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: unknown[]) => {
    if (!String(warning).startsWith("stripTypeScriptTypes")) Reflect.apply(emit, process, [warning, ...rest]);
  }) as typeof process.emitWarning;
  try {
    return strip();
  } finally {
    process.emitWarning = emit;
  }
}
