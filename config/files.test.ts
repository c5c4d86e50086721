import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { digestFolders, signatureOf } from "./files.ts";
import { largestFile } from "./knowledge-files.ts";

async function makeFolder() {
  const root = await mkdtemp(join(tmpdir(), "deskwire-files-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const put = async (path: string, text: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  const link = (target: string, path: string) => symlink(target, join(root, path));
  const folder = join(root, "knowledge");
  await put("knowledge/a.md", "A");
  /** The digest and the places in the signature, without the folder's own. */
  const look = async () => ({
    digest: await digestFolders([folder]),
    places: (await signatureOf([folder]))
      .split("\n")
      .slice(1)
      .map((line) => line.split(" ")[0]?.slice(folder.length + 1)),
  });
  return { root, folder, put, link, look };
}

test("links of a folder to itself are not walked through", async () => {
  const { link, put, look } = await makeFolder();
  const { digest } = await look();
  for (let i = 1; i <= 5; i++) await link(".", `knowledge/l${i}`);
  expect(await look()).toEqual({ digest, places: ["a.md"] });
  await put("knowledge/sub/b.md", "B");
  for (let i = 1; i <= 5; i++) await link("..", `knowledge/sub/up${i}`);
  // Under the first name in order, and not a second time.
  expect((await look()).places).toEqual(["a.md", "sub/b.md"]);
});

test("a link to the root of the disk, or to any folder outside, is not followed", async () => {
  const { link, put, look } = await makeFolder();
  const { digest } = await look();
  await put("elsewhere/secret.md", "S");
  await put("knowledge-too/b.md", "B");
  await link("/", "knowledge/x");
  await link("../elsewhere", "knowledge/y");
  await link("../knowledge-too", "knowledge/z");
  expect(await look()).toEqual({ digest, places: ["a.md"] });
});

test("a link to a file outside is watched, since a company's file may be one, but not read as an article", async () => {
  const { root, put, link, look, folder } = await makeFolder();
  const { digest } = await look();
  await put("elsewhere/secret.md", "S");
  await put("elsewhere/acme.yaml", "name: Acme");
  await link("../elsewhere/secret.md", "knowledge/b.md");
  await link("../elsewhere/acme.yaml", "knowledge/acme.yaml");
  expect(await look()).toEqual({ digest, places: ["a.md", "acme.yaml", "b.md"] });
  const before = await signatureOf([folder]);
  await writeFile(join(root, "elsewhere/acme.yaml"), "name: Acme and sons");
  expect(await signatureOf([folder])).not.toBe(before);
});

test("files mounted as links to a hidden folder are seen, and seen to change when that is exchanged", async () => {
  const { root, put, link, look, folder } = await makeFolder();
  await put("knowledge/..1/m.md", "old");
  await put("knowledge/..2/m.md", "new");
  await link("..1", "knowledge/..data");
  await link("..data/m.md", "knowledge/m.md");
  const before = { ...(await look()), signature: await signatureOf([folder]) };
  expect(before.places).toEqual(["a.md", "m.md"]);
  await link("..2", "knowledge/..next");
  await rename(join(root, "knowledge/..next"), join(root, "knowledge/..data"));
  expect((await look()).digest).not.toBe(before.digest);
  expect(await signatureOf([folder])).not.toBe(before.signature);
});

test("a folder that is itself a link is read", async () => {
  const { root, folder, link, put } = await makeFolder();
  await link("knowledge", "linked");
  const linked = join(root, "linked");
  const before = await digestFolders([linked]);
  await put("knowledge/a.md", "changed");
  expect(await digestFolders([linked])).not.toBe(before);
  expect(await signatureOf([linked])).toBe((await signatureOf([folder])).replaceAll(folder, linked));
});

test("what is no article, and a file too large for one, is not read", async () => {
  const { put, look } = await makeFolder();
  const { digest } = await look();
  await put("knowledge/film.mp4", "f");
  await put("knowledge/sub/deep.yaml", "y");
  expect(await look()).toEqual({ digest, places: ["a.md"] });
  await put("knowledge/b.md", "x".repeat(largestFile + 1));
  const large = await look();
  await put("knowledge/b.md", "y".repeat(largestFile + 1));
  expect(await look()).toEqual(large);
  await put("knowledge/b.md", "y");
  expect((await look()).digest).not.toBe(large.digest);
});
