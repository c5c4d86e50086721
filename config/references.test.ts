import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type GeneratedSecrets, openGeneratedSecrets } from "./generated-secrets.ts";
import { formatMistake } from "./mistakes.ts";
import { resolveReferences } from "./references.ts";
import { parseYaml } from "./yaml-file.ts";

async function folder() {
  const dir = await mkdtemp(join(tmpdir(), "deskwire-references-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function resolveText(
  text: string,
  env: Record<string, string> = {},
  generated: GeneratedSecrets | null = null,
  dir = "/nowhere",
) {
  const result = await resolveReferences(parseYaml(text, "a.yaml"), join(dir, "a.yaml"), { env, generated });
  return { ...result, lines: result.mistakes.map(formatMistake) };
}

test("references are replaced inside longer strings and lists, and $${ stays", async () => {
  const { value, lines, written } = await resolveText(
    'url: "postgres://u:${env:PW}@${env:HOST}/x"\nlist: ["${env:HOST}", plain]\nliteral: "$${env:PW} costs $5 {"\nn: 3\n',
    { PW: "p${env:HOST}", HOST: "db" },
  );
  // What a variable holds is taken as it is: it is not searched for references again.
  expect(value).toEqual({
    url: "postgres://u:p${env:HOST}@db/x",
    list: ["db", "plain"],
    literal: "${env:PW} costs $5 {",
    n: 3,
  });
  expect(lines).toEqual([]);
  expect([...written.keys()]).toEqual(['["url"]', '["list",0]']);
});

test("files are read relative to the config file, without the newline at their end", async () => {
  const dir = await folder();
  await writeFile(join(dir, "key"), "one\ntwo\r\n");
  await writeFile(join(dir, "binary"), Buffer.from([0xff, 0xfe]));
  const { value, lines, files } = await resolveText(
    "a: ${file:key}\nb: ${file:./none}\nc: ${file:.}\nd: ${file:binary}\n",
    {},
    null,
    dir,
  );
  expect(value.a).toBe("one\ntwo");
  expect(lines).toEqual([
    `a.yaml:2: b: expected the file ${join(dir, "none")}, which is missing`,
    `a.yaml:3: c: expected the file ${dir}, which is not a regular file`,
    `a.yaml:4: d: expected the file ${join(dir, "binary")} to be UTF-8 text`,
  ]);
  expect(files).toHaveLength(4);
});

test("what cannot be replaced is a mistake with line and field", async () => {
  const { lines } = await resolveText(
    [
      "a: ${env:MISSING}",
      "b: ${env:EMPTY}",
      "c: ${env:not a name}",
      "d: ${secret:X}",
      "e: ${env:OPEN",
      "f:",
      "  - ${X} ${Y}",
      "g: ${generated:k}",
    ].join("\n"),
    { EMPTY: "" },
  );
  expect(lines).toEqual([
    "a.yaml:1: a: expected the environment variable MISSING, which is not set",
    "a.yaml:2: b: expected the environment variable EMPTY, which is empty",
    'a.yaml:3: c: expected the name of an environment variable (letters, digits, _), got "not a name"',
    "a.yaml:4: d: expected ${env:NAME}, ${file:PATH} or ${generated:NAME}, got ${secret:X}; for the characters themselves write $${",
    "a.yaml:5: e: expected a closing } after ${env:OPEN",
    "a.yaml:7: f[0]: expected ${env:NAME}, ${file:PATH} or ${generated:NAME}, got ${X}; for the characters themselves write $${",
    "a.yaml:7: f[0]: expected ${env:NAME}, ${file:PATH} or ${generated:NAME}, got ${Y}; for the characters themselves write $${",
    "a.yaml:8: g: expected ${env:NAME} or ${file:PATH}: generated secrets are kept in this very folder",
  ]);
});

test("a generated secret's name cannot leave its folder", async () => {
  const dir = await folder();
  const { lines } = await resolveText(
    "a: ${generated:../x}\nb: ${generated:A}\n",
    {},
    openGeneratedSecrets(dir, true),
  );
  expect(lines).toHaveLength(2);
  expect(await readdir(dir)).toEqual([]);
});

test("of many that make the same secret at once, all get the same one", async () => {
  const dir = await folder();
  const values = await Promise.all(
    Array.from({ length: 20 }, () => openGeneratedSecrets(dir, true).get("shared")),
  );
  expect(new Set(values).size).toBe(1);
  expect(await readdir(join(dir, "secrets"))).toEqual(["shared"]);
});

test("a state folder that cannot be written is told with what to do", async () => {
  const dir = await folder();
  await writeFile(join(dir, "state"), "a file, not a folder");
  const { lines } = await resolveText(
    "a: ${generated:k}\n",
    {},
    openGeneratedSecrets(join(dir, "state"), true),
  );
  expect(lines).toEqual([
    expect.stringMatching(/^a.yaml:1: a: the generated secret .* cannot be read \(ENOTDIR\)/),
  ]);
});
