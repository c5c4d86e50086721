/** Reads a YAML file into plain values and keeps where each of them stands. */
import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { formatPath, type Path } from "./mistakes.ts";
import type { Mistake } from "./types.ts";

export interface YamlFile {
  /** As it is shown in mistakes. */
  readonly shown: string;
  /** Plain values; null where the file could not be read, and then `mistakes` says why. */
  readonly value: Record<string, unknown> | null;
  readonly mistakes: Mistake[];
  /** A mistake at a field; where the field is missing, at the nearest parent that is there. */
  at(path: Path, message: string): Mistake;
}

/**
 * Own words for the parser's codes: its messages may quote the text around a fault, and that may be a secret.
 * @see https://eemeli.org/yaml/#errors
 */
const faults: Record<string, string> = {
  BAD_ALIAS:
    "expected a value, got an alias (*name) without its anchor; put a value that starts with * in quotes",
  BAD_INDENT: "expected the lines of one block to be indented alike, with spaces",
  BAD_SCALAR_START: "expected a value; one that starts with @, ` or % must be in quotes",
  BAD_DQ_ESCAPE: "expected a known escape after the backslash; single quotes take backslashes as they are",
  BLOCK_AS_IMPLICIT_KEY: 'expected one "name: value" a line; put a value with a colon in quotes',
  DUPLICATE_KEY: "this name is there already; each may stand once",
  MISSING_CHAR: "expected a closing quote, bracket, comma or colon near here",
  MULTILINE_IMPLICIT_KEY: 'expected "name: value" on one line',
  MULTIPLE_ANCHORS: "expected one anchor (&name) at most",
  MULTIPLE_DOCS: "expected one document, got a second one after ---",
  TAB_AS_INDENT: "expected spaces, got a tab",
  TAG_RESOLVE_FAILED: "expected no unknown tags; put a value that starts with ! in quotes",
  UNEXPECTED_TOKEN: "this cannot stand here; put a value with special characters in quotes",
};

/** Reads and parses. Never throws for what is wrong with the file: that is in `mistakes`. `missing` says what a missing file means. */
export async function readYamlFile(
  file: string,
  shown: string,
  missing: "mistake" | "empty",
): Promise<YamlFile> {
  const whole = (message: string, line: number) =>
    unreadable(shown, [{ file: shown, line, field: "", message }]);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" && missing === "empty") return parseYaml("{}", shown);
    return whole(`cannot be read (${code ?? String(error)})`, 0);
  }
  if (!isUtf8(bytes)) {
    return whole("expected UTF-8 text, got other bytes; save the file as UTF-8", lineOfBadByte(bytes));
  }
  const text = new TextDecoder().decode(bytes);
  return parseYaml(text, shown, missing === "empty");
}

/** Parses YAML text. See `readYamlFile`. */
export function parseYaml(text: string, shown: string, mayBeEmpty = false): YamlFile {
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: "1.2" });
  const problems = [...doc.errors, ...doc.warnings];
  if (problems.length > 0) {
    const mistakes = problems.map((problem): Mistake => {
      const { line, col } = lines.linePos(problem.pos[0]);
      const message = faults[problem.code] ?? "expected valid YAML";
      return { file: shown, line, column: col, field: keyAt(text, problem.code, problem.pos[0]), message };
    });
    // The parser often finds a second fault where it stumbled over the first.
    return unreadable(
      shown,
      mistakes.filter((one, i) => mistakes.findIndex((other) => other.line === one.line) === i),
    );
  }
  const root = doc.contents as Node | null;
  const here = { file: shown, line: 1 };
  const fault = (message: string) => unreadable(shown, [{ ...here, field: "", message }]);
  if (root === null || (isScalar(root) && root.value === null)) {
    // A file of comments only leaves everything at its default.
    if (mayBeEmpty)
      return {
        shown,
        value: {},
        mistakes: [],
        at: (path, message) => ({ ...here, field: formatPath(path), message }),
      };
    return fault('expected settings (lines of "name: value"), got an empty file');
  }
  if (!isMap(root))
    return fault(
      `expected settings (lines of "name: value"), got ${isSeq(root) ? "a list" : "a single value"}`,
    );
  let value: Record<string, unknown>;
  try {
    value = doc.toJS({ maxAliasCount: 100 }) as Record<string, unknown>;
  } catch {
    return fault("expected fewer aliases (*name); write the values out");
  }
  const at = (path: Path, message: string): Mistake => {
    const { line, col } = lines.linePos(offsetOf(root, path, doc));
    return { file: shown, line, column: col, field: formatPath(path), message };
  };
  return { shown, value, mistakes: [], at };
}

function unreadable(shown: string, mistakes: Mistake[]): YamlFile {
  const at = (path: Path, message: string) => ({ file: shown, line: 1, field: formatPath(path), message });
  return { shown, value: null, mistakes, at };
}

/** The name of a duplicate key; other faults have no field that could be told. */
function keyAt(text: string, code: string, offset: number): string {
  if (code !== "DUPLICATE_KEY") return "";
  return /^[\w-]+/.exec(text.slice(offset, offset + 80))?.[0] ?? "";
}

/** Where the value at `path` starts; for a mapping or list its key, and for what is missing the key of its parent. */
function offsetOf(
  root: Node,
  path: Path,
  doc: Parameters<Extract<Node, { source: string }>["resolve"]>[0],
): number {
  let node: unknown = root;
  let offset = root.range?.[0] ?? 0;
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(doc);
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => String(isScalar(item.key) ? item.key.value : item.key) === String(part),
      );
      if (!pair) break;
      offset = (pair.key as Node | null)?.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(part)];
      if (item === undefined || item === null) break;
      offset = (item as Node).range?.[0] ?? offset;
      node = item;
    } else break;
  }
  return offset;
}

function lineOfBadByte(bytes: Uint8Array): number {
  let start = 0;
  // Lines can be looked at one by one: a newline byte is never part of a longer character in UTF-8.
  for (let line = 1; ; line++) {
    const end = bytes.indexOf(10, start);
    if (end === -1 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}
