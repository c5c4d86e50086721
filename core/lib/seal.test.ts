import { expect, test } from "vitest";
import { seal, unseal } from "./seal.ts";

test("what is sealed comes back with its seed, and with no other", () => {
  const sealed = seal("ключ: token", "seed of the config");
  expect(unseal(sealed, "seed of the config")).toBe("ключ: token");
  expect(unseal(sealed, "another seed")).toBeNull();
  expect(sealed.toString("latin1")).not.toContain("token");
});

test("the same text is sealed differently each time", () => {
  expect(seal("token", "seed").equals(seal("token", "seed"))).toBe(false);
});

test("a changed or cut seal is refused", () => {
  const sealed = seal("token", "seed");
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] as number) ^ 1;
    expect(unseal(changed, "seed")).toBeNull();
  }
  expect(unseal(sealed.subarray(0, 20), "seed")).toBeNull();
});
