import { expect, test } from "vitest";
import { createCompanyDirectory } from "./directory.ts";
import { makeProject } from "./test-project.ts";

async function twoCompanies() {
  const project = await makeProject({
    "config/companies/beta.yaml": "name: Beta\nkeys:\n  main: beta-key-0123456789\n",
    "config/companies/acme.yaml":
      "name: Acme\nkeys:\n  main: acme-key-0123456789\n  second: acme-key-9876543210\n",
  });
  return project.load();
}

test("companies are found by id and by any of their keys", async () => {
  const directory = createCompanyDirectory(await twoCompanies());
  expect(directory.all().map(({ id }) => id)).toEqual(["acme", "beta"]);
  expect(directory.get("beta")?.name).toBe("Beta");
  expect(directory.byKey("acme-key-9876543210")).toMatchObject({
    company: { id: "acme" },
    keyName: "second",
  });
  for (const key of ["", "acme-key", "acme-key-01234567890", "constructor"])
    expect(directory.byKey(key)).toBeNull();
});

test("a replaced company's old keys are void at once, and listeners hear of it until they leave", async () => {
  const loaded = await twoCompanies();
  const directory = createCompanyDirectory(loaded);
  const heard: unknown[] = [];
  const leave = directory.onChange((id, company) => heard.push([id, company?.name]));
  const acme = loaded.companies.get("acme");
  if (!acme) throw new Error("acme is missing");
  directory.replace("acme", { ...acme, name: "Acme 2", keys: acme.keys.slice(1) });
  expect(directory.byKey("acme-key-0123456789")).toBeNull();
  directory.replace("beta", null);
  expect(directory.byKey("beta-key-0123456789")).toBeNull();
  expect(directory.all().map(({ name }) => name)).toEqual(["Acme 2"]);
  leave();
  directory.replace("acme", null);
  expect(heard).toEqual([
    ["acme", "Acme 2"],
    ["beta", undefined],
  ]);
  // The loaded configuration itself is not touched.
  expect(loaded.companies.size).toBe(2);
});

test("a listener that throws keeps neither the change nor the other listeners back", async () => {
  const directory = createCompanyDirectory(await twoCompanies());
  let heard = 0;
  directory.onChange(() => {
    throw new Error("first");
  });
  directory.onChange(() => heard++);
  expect(() => directory.replace("acme", null)).toThrow("first");
  expect(heard).toBe(1);
  expect(directory.get("acme")).toBeUndefined();
});
