/** deskwire check --live: what the connectors connect to, asked without a hub and beside one. */
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { freePort, makeHubProject, runDeskwire, spawnHub, type TestProject } from "../testing/hub.ts";

const plugin = fileURLToPath(new URL("../testing/archive-connector.ts", import.meta.url));
const cleanUps: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function makeProject(checks: Record<string, string>): Promise<TestProject> {
  const connectors = Object.entries(checks).map(([name, check]) => [name, { plugin, check }]);
  const project = await makeHubProject({
    acme: `connectors: ${JSON.stringify(Object.fromEntries(connectors))}\n`,
  });
  cleanUps.push(() => project.remove());
  return project;
}

test("each connector has its line; one that fails makes the exit code 1; nothing is started or written", {
  timeout: 60_000,
}, async () => {
  const { dir } = await makeProject({ good: "ok", poor: "poor", wrong: "fails", oauth: "token" });
  const { code, output } = await runDeskwire(dir, ["check", "--live"]);
  expect(output).toContain("the configuration is valid\n");
  expect(output).toContain("acme/good: ok (2 folders)\n");
  expect(output).toContain("acme/poor: FAILED: no Drafts folder\n");
  expect(output).toContain("acme/wrong: FAILED: the password is wrong\n");
  expect(output).toMatch(/acme\/oauth: FAILED: .*start the hub, then check again\n/);
  expect(code).toBe(1);
  expect(await readdir(dir)).not.toContain("state");
  expect((await runDeskwire(dir, ["check"])).output).not.toContain("acme/good");
});

test("beside a running hub it uses the hub's tokens", { timeout: 60_000 }, async () => {
  const { dir } = await makeProject({ good: "ok", oauth: "token" });
  const hub = await spawnHub(dir, await freePort());
  cleanUps.push(() => hub.stop());
  const { code, output } = await runDeskwire(dir, ["check", "--live"]);
  expect(output).toContain("acme/oauth: ok (access)\n");
  expect(code).toBe(0);
});
