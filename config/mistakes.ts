/** Mistakes in the configuration: where they are, what was expected, and how they are shown. */
import type { Company, LoadedConfig, Mistake } from "./types.ts";

/** What could be read beside the mistakes: so that one company's broken file does not hold up the others. */
export interface Salvage {
  readonly companies: ReadonlyMap<string, Company>;
  /** Companies whose files exist but must not be taken. */
  readonly broken: ReadonlySet<string>;
  /** False where no company was found at all: more likely a folder that is out of reach than everything removed. */
  readonly complete: boolean;
  /** Null where the hub's own settings are among the mistakes. */
  readonly hubDigest: string | null;
  readonly watched: LoadedConfig["watched"];
}

/** All mistakes of a configuration at once; its message has one line for each. */
export class ConfigError extends Error {
  readonly kind = "config";
  readonly mistakes: readonly Mistake[];
  readonly salvage: Salvage | undefined;
  constructor(mistakes: readonly Mistake[], salvage?: Salvage) {
    super(mistakes.map(formatMistake).join("\n"));
    this.name = "ConfigError";
    this.mistakes = mistakes;
    // Kept out of inspections: an error's log line is about the mistakes, not about the companies that are well.
    Object.defineProperty(this, "salvage", { value: salvage, enumerable: false });
  }
}

/** `config/companies/demo.yaml:12: connectors.widget.origins[0]: expected …, got …` */
export function formatMistake(mistake: Mistake): string {
  const place = mistake.line > 0 ? `${mistake.file}:${mistake.line}` : mistake.file;
  return [place, mistake.field, mistake.message].filter(Boolean).join(": ");
}

export type Path = ReadonlyArray<string | number>;

/** `["connectors", "widget", "origins", 0]` as `connectors.widget.origins[0]`. */
export function formatPath(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (/^[\w-]+$/.test(part)) text += text ? `.${part}` : part;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}

/** Mistakes by file, then by line: the order in which a person goes through them. */
export function inOrder(mistakes: readonly Mistake[]): Mistake[] {
  return [...mistakes].sort(
    (a, b) =>
      a.file.localeCompare(b.file) ||
      a.line - b.line ||
      (a.column ?? 0) - (b.column ?? 0) ||
      a.field.localeCompare(b.field),
  );
}
