/** Loads a company's knowledge: articles and macros, Markdown files in two folders. */
import { createHash } from "node:crypto";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { deepestFolder, isMarkdownName, largestFile, mostFiles } from "../../config/knowledge-files.ts";
import { describeError } from "../../plugins/contract/errors.ts";
import { textFault } from "../../plugins/contract/events.ts";
import { parseFrontMatter } from "./front-matter.ts";
import { detectLanguage } from "./language.ts";
import { firstHeading, type Section, sectionsOf, toPlainText } from "./markdown.ts";
import { unknownPlaceholders } from "./placeholders.ts";

export interface Article {
  /** The folder's name and the path in it, with `/`, e.g. `knowledge/returns.md`. */
  path: string;
  title: string;
  /** ISO 639-1, or null where it could not be told. */
  language: string | null;
  url?: string;
  department?: string;
  keywords: string[];
  sections: Section[];
}

/** A ready reply: its text may hold placeholders (see `placeholders.ts`). */
export interface Macro extends Omit<Article, "sections"> {
  text: string;
}

/** A file, or a part of one, that could not be used. */
export interface KnowledgeProblem {
  file: string;
  /** 1-based. */
  line?: number;
  message: string;
}

export interface Knowledge {
  articles: Article[];
  macros: Macro[];
  problems: KnowledgeProblem[];
  /** Changes when a loaded file changes, comes or goes: for telling whether to load anew. */
  digest: string;
}

interface SourceFile {
  path: string;
  text: string;
}

type Header = Omit<Article, "sections"> & { body: string; bodyLine: number };

/**
 * Loads all articles and macros; a missing folder is an empty one. What cannot be used is reported in `problems`,
 * never thrown. Dot-files and files other than `.md` are skipped, subfolders are read.
 */
export async function loadKnowledge(folders: {
  knowledgeDir: string;
  macrosDir: string;
}): Promise<Knowledge> {
  const problems: KnowledgeProblem[] = [];
  const articleFiles = await readFolder(folders.knowledgeDir, problems);
  const macroFiles = await readFolder(folders.macrosDir, problems);
  const digest = createHash("sha256");
  for (const file of [...articleFiles, ...macroFiles]) digest.update(JSON.stringify([file.path, file.text]));
  return {
    articles: articleFiles.flatMap((file) => parseArticle(file, problems)),
    macros: macroFiles.flatMap((file) => parseMacro(file, problems)),
    digest: digest.digest("hex"),
    problems,
  };
}

function parseArticle(file: SourceFile, problems: KnowledgeProblem[]): Article[] {
  const header = parseHeader(file, problems);
  if (header === null) return [];
  const { body, bodyLine, ...article } = header;
  const sections = sectionsOf(body, article.title);
  if (sections.length > 0) return [{ ...article, sections }];
  problems.push({ file: file.path, line: bodyLine, message: "the article has no text" });
  return [];
}

function parseMacro(file: SourceFile, problems: KnowledgeProblem[]): Macro[] {
  const header = parseHeader(file, problems);
  if (header === null) return [];
  const { body, bodyLine, ...macro } = header;
  const unknown = unknownPlaceholders(body);
  for (const { name, line, expected } of unknown) {
    const message = `unknown placeholder {{${name}}}: expected one of ${expected}`;
    problems.push({ file: file.path, line: bodyLine + line - 1, message });
  }
  const text = toPlainText(body, { unwrap: false });
  if (text === "") problems.push({ file: file.path, line: bodyLine, message: "the macro has no text" });
  // A reply with a hole in it must not reach a customer, hence the macro is left out as a whole.
  return text === "" || unknown.length > 0 ? [] : [{ ...macro, text }];
}

function parseHeader(file: SourceFile, problems: KnowledgeProblem[]): Header | null {
  const { data, body, bodyLine, faults } = parseFrontMatter(file.text);
  problems.push(...faults.map((fault) => ({ file: file.path, ...fault })));
  if (data === null) return null;
  const { title, language, ...rest } = data;
  const named = title ?? firstHeading(body) ?? path.basename(file.path).replace(/\.[^.]*$/, "");
  return {
    path: file.path,
    title: named,
    language: language ?? detectLanguage(body),
    ...rest,
    body,
    bodyLine,
  };
}

/** All Markdown files of a folder, sorted by path. */
async function readFolder(dir: string, problems: KnowledgeProblem[]): Promise<SourceFile[]> {
  const label = path.basename(path.resolve(dir));
  let root: string;
  try {
    root = await realpath(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") problems.push(unreadable(label, error));
    return [];
  }
  const files: SourceFile[] = [];
  const seen = new Set<string>([root]);

  async function readEntry(full: string, shown: string, depth: number): Promise<void> {
    const real = await realpath(full);
    if (real !== root && !real.startsWith(root + path.sep)) {
      problems.push({ file: shown, message: "a link that leads out of the folder is not followed" });
      return;
    }
    if (seen.has(real)) return;
    seen.add(real);
    const info = await stat(real);
    if (info.isDirectory()) await readEntries(real, shown, depth + 1);
    else if (info.isFile() && isMarkdownName(shown)) await readSource(real, shown, info.size);
  }

  async function readEntries(folder: string, shown: string, depth: number): Promise<void> {
    if (depth > deepestFolder) {
      problems.push({ file: shown, message: `folders deeper than ${deepestFolder} are not read` });
      return;
    }
    const names = (await readdir(folder)).filter((name) => !name.startsWith(".")).sort();
    for (const name of names) {
      const entry = `${shown}/${name}`;
      try {
        await readEntry(path.join(folder, name), entry, depth);
      } catch (error) {
        problems.push(unreadable(entry, error));
      }
    }
  }

  async function readSource(real: string, shown: string, bytes: number): Promise<void> {
    if (bytes > largestFile) {
      problems.push({
        file: shown,
        message: `larger than ${largestFile} bytes: split it into several articles`,
      });
    } else if (files.length >= mostFiles) {
      problems.push({ file: shown, message: `left out: only ${mostFiles} files of a folder are read` });
    } else {
      const text = decode(await readFile(real));
      if (text instanceof Error) problems.push({ file: shown, message: text.message });
      else files.push({ path: shown, text });
    }
  }

  try {
    await readEntries(root, label, 0);
  } catch (error) {
    problems.push(unreadable(label, error));
  }
  return files;
}

/** The text with LF line ends and without a byte order mark, or what is wrong with it. */
function decode(bytes: Uint8Array): string | Error {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    return new Error("not UTF-8: save the file in UTF-8", { cause: error });
  }
  const fault = textFault(text);
  return fault === undefined ? text.replace(/\r\n?/g, "\n") : new Error(fault);
}

function unreadable(file: string, error: unknown): KnowledgeProblem {
  return { file, message: `cannot be read: ${describeError(error)}` };
}
