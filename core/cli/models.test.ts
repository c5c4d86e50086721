/** Models on the command line: listed, put in force, tried, gone back from. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Registry } from "../../ml-service/registry/registry.ts";
import { modelOf } from "../../ml-service/registry/testing.ts";
import { openRegistry } from "../parts/classifier.ts";
import { makeHubProject, runDeskwire, type TestProject } from "../testing/hub.ts";
import { type ModelsOptions, models } from "./models.ts";

let project: TestProject;
let registry: Registry;
let one: string;
let two: string;
beforeAll(async () => {
  project = await makeHubProject({ acme: "", beta: "" });
  registry = await openRegistry(join(project.dir, "state"));
  one = await registry.publish("acme", modelOf("one"));
  two = await registry.publish("acme", modelOf("two", { reason: "correction", examples: 7 }));
});
afterAll(() => project.remove());

async function run(options: Omit<ModelsOptions, "company"> = {}, company = "acme"): Promise<string> {
  let output = "";
  await models(project.dir, { company, ...options }, (text) => {
    output += text;
  });
  return output;
}
const figures = "type: accuracy 0.813, macroF1 0.75";

test("a company's models are listed with their figures, and are put in force, tried and gone back from", async () => {
  expect(await run({}, "beta")).toBe("beta: the model that comes with the code is in force\n");
  expect(await run({ promote: one })).toBe(
    `acme: ${one} is in force, before it was the model that comes with the code\n`,
  );
  expect(await run({ canary: two, share: "0.25" })).toBe(`acme: ${two} is tried on 25 % of the tickets\n`);
  expect(await run()).toBe(
    [
      `acme: ${one} is in force`,
      `${two}  on 25 %      correction  7 examples  ${figures}`,
      `${one}  in force     nightly     1204 examples  ${figures}\n`,
    ].join("\n"),
  );
  expect(await run({ rollback: true })).toBe(
    [
      `acme: back from ${one} to the model that comes with the code`,
      `acme: the trial of ${two} has ended with it\n`,
    ].join("\n"),
  );
  await run({ canary: two, share: "0.25" });
  expect(await run({ promote: one })).toContain(`\nacme: ${two} is tried on 25 % of the tickets still\n`);
  expect(await run({ endCanary: true })).toBe("acme: no model is on trial now\n");
  expect(await run({ promote: two })).toBe(`acme: ${two} is in force, before it was ${one}\n`);
  expect(await run({ rollback: true })).toBe(`acme: back from ${two} to ${one}\n`);
  expect(await run()).toContain(`\n${two}  rolled back  correction`);
  expect(await run({ promote: two })).toContain(`${two} is in force`);
});

test("what cannot be meant is told, with what there is", async () => {
  const config = (message: string) =>
    expect.objectContaining({ kind: "config", message: expect.stringContaining(message) });
  await expect(run({}, "gamma")).rejects.toEqual(config("there is: acme, beta"));
  await expect(run({ promote: one, rollback: true })).rejects.toEqual(config("say one of"));
  await expect(run({ share: "0.2" })).rejects.toEqual(config("--canary"));
  await expect(run({ canary: one, share: "much" })).rejects.toEqual(config("expected 0 to 0.5"));
  await expect(run({ promote: "v1" })).rejects.toEqual(config("20261128-190501-3f2a"));
  await expect(run({ promote: "20200101-000000-0000" })).rejects.toEqual(config("deskwire models acme"));
  await expect(run({ rollback: true }, "beta")).rejects.toEqual(config("nothing to go back from"));
});

test("the command takes its options, and ends with 2 where they cannot be meant", async () => {
  const listed = await runDeskwire(project.dir, ["models", "acme"]);
  expect(listed).toEqual({ code: 0, output: expect.stringContaining(figures) });
  const wrong = await runDeskwire(project.dir, ["models", "acme", "--rollback", "--end-canary"]);
  expect(wrong).toEqual({ code: 2, output: expect.stringMatching(/^say one of .*\n$/) });
});
