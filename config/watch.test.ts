import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { ConfigError } from "./mistakes.ts";
import { makeProject } from "./test-project.ts";
import { watchConfig } from "./watch.ts";

const acme = (name: string) => `name: ${name}\nkeys:\n  main: acme-key-0123456789\n`;

async function watched(files: Record<string, string>) {
  const project = await makeProject(files);
  const current = await project.load();
  const seen: string[] = [];
  const refused: ConfigError[] = [];
  const errors: unknown[] = [];
  const stop = new AbortController();
  const running = watchConfig({
    load: () => project.load({ stateDir: current.stateDir }),
    current,
    intervalMs: 20,
    onChange: (id, company) => void seen.push(`${id}: ${company?.name ?? "removed"}`),
    onRefused: (error) => refused.push(error),
    onRestartNeeded: () => void seen.push("restart"),
    onError: (error) => errors.push(error),
    signal: stop.signal,
  });
  onTestFinished(async () => {
    stop.abort();
    await running;
    expect(errors).toEqual([]);
  });
  const quiet = () => sleep(250);
  await quiet();
  return { project, seen, refused, quiet, stop, running };
}

async function until(condition: () => boolean) {
  for (let i = 0; i < 250 && !condition(); i++) await sleep(20);
}

test("companies are added, changed and removed while it runs", async () => {
  const { project, seen, quiet } = await watched({ "config/companies/acme.yaml": acme("Acme") });
  expect(seen).toEqual([]);
  await project.write("config/companies/beta.yaml", "name: Beta\n");
  await until(() => seen.length === 1);
  await project.write("config/companies/acme.yaml", acme("Acme 2"));
  await until(() => seen.length === 2);
  await project.write("config/companies/acme.yaml", `# a comment changes nothing\n${acme("Acme 2")}`);
  await quiet();
  await project.remove("config/companies/beta.yaml");
  await until(() => seen.length === 3);
  expect(seen).toEqual(["beta: Beta", "acme: Acme 2", "beta: removed"]);
});

test("a broken company keeps its old settings, is told once, and does not hold up the others", async () => {
  const { project, seen, refused, quiet } = await watched({
    "config/companies/acme.yaml": acme("Acme"),
    "config/companies/beta.yaml": "name: Beta\n",
  });
  await project.write("config/companies/acme.yaml", "name: 5\nkeys: {}\n");
  await project.write("config/companies/beta.yaml", "name: Beta 2\n");
  await until(() => seen.length === 1 && refused.length === 1);
  await project.write("config/companies/beta.yaml", "name: Beta 3\n");
  await until(() => seen.length === 2);
  await quiet();
  expect(refused.map(({ message }) => message)).toEqual([
    "config/companies/acme.yaml:1: name: expected text, got 5",
  ]);
  await project.write("config/companies/acme.yaml", acme("Acme 2"));
  await until(() => seen.length === 3);
  expect(seen).toEqual(["beta: Beta 2", "beta: Beta 3", "acme: Acme 2"]);
});

test("articles, and files that are referred to, are watched too, even before they exist", async () => {
  const { project, seen, refused } = await watched({
    "config/companies/acme.yaml": "name: Acme\nconnectors:\n  mail:\n    password: ${file:../password}\n",
    "config/password": "one",
  });
  await project.write("config/password", "two");
  await until(() => seen.length === 1);
  await project.write("config/companies/acme/knowledge/returns.md", "# Returns");
  await until(() => seen.length === 2);
  await project.write(
    "config/companies/acme.yaml",
    "name: Acme\nconnectors:\n  mail:\n    password: ${file:../other}\n",
  );
  await until(() => refused.length === 1);
  await project.write("config/other", "three");
  await until(() => seen.length === 3);
  expect(seen).toEqual(["acme: Acme", "acme: Acme", "acme: Acme"]);
});

test("a folder that is suddenly empty removes nobody", async () => {
  const { project, seen, refused, quiet } = await watched({ "config/companies/acme.yaml": acme("Acme") });
  await project.remove("config/companies");
  await until(() => refused.length === 1);
  await quiet();
  expect(seen).toEqual([]);
});

test("a key cannot move away from a company whose file is broken", async () => {
  const { project, seen, refused } = await watched({ "config/companies/acme.yaml": acme("Acme") });
  await project.write("config/companies/acme.yaml", "nam: Acme\n");
  await project.write("config/companies/beta.yaml", acme("Beta"));
  await until(() => refused.length === 1);
  expect(refused[0]?.message).toContain("keys.main: acme has this key until its file is put right");
  await project.remove("config/companies/acme.yaml");
  await until(() => seen.length === 2);
  expect(seen).toEqual(["acme: removed", "beta: Beta"]);
});

test("the hub's own settings ask for a restart, once; its drafter is taken up", async () => {
  const { project, seen, quiet } = await watched({ "config/companies/acme.yaml": acme("Acme") });
  await project.write("config/hub.yaml", "http:\n  port: 4000\n");
  await until(() => seen.length === 1);
  await project.write("config/hub.yaml", "http:\n  port: 4000\ndrafter:\n  model: other\n");
  await until(() => seen.length === 2);
  await project.write("config/hub.yaml", "http:\n  port: x\n");
  await quiet();
  expect(seen).toEqual(["restart", "acme: Acme"]);
});

test("it ends when asked to", async () => {
  const { stop, running } = await watched({ "config/companies/acme.yaml": acme("Acme") });
  stop.abort();
  await expect(running).resolves.toBeUndefined();
});
