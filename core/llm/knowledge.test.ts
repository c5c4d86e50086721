import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadKnowledge } from "./knowledge.ts";

let root: string;
const folders = () => ({ knowledgeDir: path.join(root, "knowledge"), macrosDir: path.join(root, "macros") });

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "knowledge-"));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function put(file: string, content: string | Uint8Array): Promise<void> {
  const full = path.join(root, file);
  await mkdir(path.dirname(full), { recursive: true });
  await writeFile(full, content);
}

describe("loadKnowledge", () => {
  test("reads articles with their front matter, in subfolders, too", async () => {
    await put(
      "knowledge/en/returns.md",
      "---\ntitle: Returns\nlanguage: en-GB\nurl: https://shop.example/returns\nkeywords: [refund, money back]\n---\n# Returns\n\nSend it **back**.\n\n## Costs\n\nFree, see [the list](https://shop.example/costs).\n",
    );
    const { articles, problems } = await loadKnowledge(folders());
    expect(problems).toEqual([]);
    expect(articles).toEqual([
      {
        path: "knowledge/en/returns.md",
        title: "Returns",
        language: "en",
        url: "https://shop.example/returns",
        keywords: ["refund", "money back"],
        sections: [
          { heading: null, text: "Send it back." },
          { heading: "Costs", text: "Free, see the list (https://shop.example/costs)." },
        ],
      },
    ]);
  });

  test("takes the title from the first heading or the file's name, and detects the language", async () => {
    await put("knowledge/a.md", "# Возврат товара\r\n\r\nВернуть покупку можно в течение месяца.\r\n");
    await put("knowledge/shipping-costs.md", "We ship every parcel on the day when you order it.");
    const { articles } = await loadKnowledge(folders());
    expect(articles.map(({ title, language }) => [title, language])).toEqual([
      ["Возврат товара", "ru"],
      ["shipping-costs", "en"],
    ]);
  });

  test("takes a missing folder for an empty one", async () => {
    const { articles, macros, problems } = await loadKnowledge(folders());
    expect({ articles, macros, problems }).toEqual({ articles: [], macros: [], problems: [] });
  });

  test("reports every file that cannot be used and loads the rest", async () => {
    await put("knowledge/good.md", "Our shop is open from nine to five on every working day.");
    await put("knowledge/broken.md", "---\ntitle: [a\nlanguage: en\n---\nText\n");
    await put("knowledge/unclosed.md", "---\ntitle: A\n\nText that never ends\n");
    await put(
      "knowledge/wrong.md",
      "---\ntitle: A\nurl: javascript:alert(1)\nlanguage: english\n---\nText\n",
    );
    await put("knowledge/list.md", "---\n- a\n---\nText\n");
    await put("knowledge/empty.md", "---\ntitle: A\n---\n\n");
    await put("knowledge/latin1.md", new Uint8Array([0x47, 0x72, 0xfc, 0xdf, 0x65]));
    await put("knowledge/nul.md", "a\u0000b");
    await put("knowledge/huge.md", "a ".repeat(600_000));
    const { articles, problems } = await loadKnowledge(folders());
    expect(articles.map((article) => article.path)).toEqual(["knowledge/good.md"]);
    const lines = problems.map(({ file, line, message }) => `${file}:${line ?? ""} ${message}`);
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^knowledge\/broken\.md:[23] broken front matter/),
        expect.stringMatching(/^knowledge\/unclosed\.md:1 .*not closed/),
        expect.stringMatching(/^knowledge\/wrong\.md:3 url: expected an address/),
        expect.stringMatching(/^knowledge\/wrong\.md:4 language: expected a two-letter/),
        expect.stringMatching(/^knowledge\/list\.md:2 broken front matter/),
        expect.stringMatching(/^knowledge\/empty\.md:4 the article has no text/),
        expect.stringMatching(/^knowledge\/latin1\.md: not UTF-8/),
        expect.stringMatching(/^knowledge\/nul\.md: contains a NUL/),
        expect.stringMatching(/^knowledge\/huge\.md: larger than/),
      ]),
    );
    expect(lines).toHaveLength(9);
  });

  test("loads an article with an unknown field and names the field", async () => {
    await put("knowledge/a.md", "---\ntitle: A\nlang: en\n---\nText about parcels\n");
    const { articles, problems } = await loadKnowledge(folders());
    expect(articles).toHaveLength(1);
    expect(problems).toEqual([
      { file: "knowledge/a.md", line: 3, message: expect.stringContaining("unknown field lang") },
    ]);
  });

  test("stops at front matter that unfolds without end", async () => {
    const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]"];
    for (let i = 1; i < 9; i++) {
      const [from, to] = ["abcdefghi"[i - 1], "abcdefghi"[i]];
      bomb.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join(",")}]`);
    }
    await put("knowledge/bomb.md", `---\n${bomb.join("\n")}\n---\nText\n`);
    const { articles, problems } = await loadKnowledge(folders());
    expect(articles).toEqual([]);
    expect(problems[0]?.file).toBe("knowledge/bomb.md");
  });

  test("follows links within the folder, once, and refuses those that lead out", async () => {
    await put("secret.md", "A secret of the machine that nobody may read.");
    await put("knowledge/..data/mounted.md", "This article is mounted by a link from a hidden folder.");
    await put("knowledge/.hidden.md", "Hidden text that is not meant for anybody.");
    await symlink("..data/mounted.md", path.join(root, "knowledge/mounted.md"));
    await symlink("../secret.md", path.join(root, "knowledge/out.md"));
    await symlink("nowhere.md", path.join(root, "knowledge/dangling.md"));
    await symlink(".", path.join(root, "knowledge/loop"));
    const { articles, problems } = await loadKnowledge(folders());
    expect(articles.map((article) => article.path)).toEqual(["knowledge/mounted.md"]);
    expect(problems.map(({ file }) => file)).toEqual(["knowledge/dangling.md", "knowledge/out.md"]);
  });

  test("leaves out a macro with an unknown placeholder and says which", async () => {
    await put("macros/good.md", "Hello {{ requester.name }},\n\nthanks for writing to {{company.name}}.\n");
    await put("macros/bad.md", "---\ntitle: Bad\n---\nHello\n{{order.total}}\n");
    const { macros, problems } = await loadKnowledge(folders());
    expect(macros.map(({ path }) => path)).toEqual(["macros/good.md"]);
    expect(macros[0]?.text).toBe("Hello {{ requester.name }},\n\nthanks for writing to {{company.name}}.");
    expect(problems).toEqual([
      { file: "macros/bad.md", line: 5, message: expect.stringContaining("{{order.total}}") },
    ]);
  });

  test("gives a digest that changes with the files only", async () => {
    await put("knowledge/a.md", "Text about parcels.");
    const before = (await loadKnowledge(folders())).digest;
    expect((await loadKnowledge(folders())).digest).toBe(before);
    await put("knowledge/a.md", "Text about packages.");
    expect((await loadKnowledge(folders())).digest).not.toBe(before);
  });
});
