/** Links and paths on all pages lead somewhere: to files, and to headings that are there. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Knowledge articles are a company's own texts: their links are for its customers. */
const notPages = /(^|\/)(node_modules|\.deskwire|knowledge|macros)\//;

/** Pages that git knows, or would take: what lies about ignored is nobody's documentation. */
function markdownPages(): string[] {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"];
  const found = execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\n");
  return found.filter((page) => page !== "" && !notPages.test(page) && existsSync(join(root, page)));
}

const withoutCode = (text: string) => text.replace(/^( *)(```|~~~)[\s\S]*?^\1\2[ \t]*$/gm, "");
const withoutSpans = (text: string) => text.replace(/`[^`\n]*`/g, "");

/** A heading's anchor, as code hosts make it. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of withoutCode(text).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{N}\p{M} _-]/gu, "").replaceAll(" ", "-");
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** What is wrong with a link of a page, if anything. */
function linkFault(page: string, target: string): string[] {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return [];
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? join(root, page) : resolve(root, dirname(page), decodeURIComponent(path));
  if (!file.startsWith(root) || !existsSync(file)) return [`${page}: ${target} leads nowhere`];
  if (anchor === undefined || !file.endsWith(".md")) return [];
  return anchorsOf(readFileSync(file, "utf8")).has(anchor) ? [] : [`${page}: ${target} has no such heading`];
}

function linksOf(text: string): string[] {
  const prose = withoutSpans(withoutCode(text));
  const inline = [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?: +"[^"]*")?\)/g)].map(([, target = ""]) => target);
  const named = [...prose.matchAll(/^\[[^\]]+\]: +(\S+)/gm)].map(([, target = ""]) => target);
  const html = [...prose.matchAll(/\b(?:src|href)="([^"]+)"/g)].map(([, target = ""]) => target);
  return [...inline, ...named, ...html];
}

/** Paths in backticks; `<company>`, `*`, `…` and the like stand for something, so such a path is left alone. */
function pathsOf(text: string): string[] {
  const spans = [...withoutCode(text).matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
  return spans
    .flatMap((span) => span.split(/[\s,;]+/))
    .filter((word) => /^(core|plugins|connectors|config|ml-service|docs)\//.test(word))
    .filter((word) => !/[<>*{}$…]/.test(word));
}

/** Files that a page tells its reader to make. */
const madeByReader = new Set(["config/companies/acme.yaml", "config/companies/acme/"]);

const pages = markdownPages();

test("all pages are found, the README among them", () => {
  expect(pages).toEqual(expect.arrayContaining(["README.md", "CONTRIBUTING.md", "docs/README.md"]));
});

test("every relative link leads to a file, and every anchor to a heading", () => {
  const faults = pages.flatMap((page) =>
    linksOf(readFileSync(join(root, page), "utf8")).flatMap((target) => linkFault(page, target)),
  );
  expect(faults).toEqual([]);
});

test("every path in backticks that starts with a top folder is there", () => {
  const faults = pages.flatMap((page) =>
    pathsOf(readFileSync(join(root, page), "utf8"))
      .filter((path) => !madeByReader.has(path) && !existsSync(join(root, path)))
      .map((path) => `${page}: there is no ${path}`),
  );
  expect(faults).toEqual([]);
});

test("the index names every page of docs/", () => {
  const index = new Set(linksOf(readFileSync(join(root, "docs/README.md"), "utf8")));
  const own = pages.filter((page) => page.startsWith("docs/") && page !== "docs/README.md");
  expect(own.filter((page) => !index.has(page.slice("docs/".length)))).toEqual([]);
});

test("a broken link, a wrong anchor and code are told apart", () => {
  expect(linksOf("[a](x.md) `[b](y.md)`\n```\n[c](z.md)\n```\n")).toEqual(["x.md"]);
  expect(linkFault("docs/README.md", "nowhere.md")).toEqual(["docs/README.md: nowhere.md leads nowhere"]);
  expect(linkFault("docs/README.md", "#documentation")).toEqual([]);
  expect(linkFault("docs/README.md", "#nothing")).toHaveLength(1);
  expect([...anchorsOf("# What to do when …\n## `a` & b\n## `a` & b\n")]).toEqual([
    "what-to-do-when-",
    "a--b",
    "a--b-1",
  ]);
});
