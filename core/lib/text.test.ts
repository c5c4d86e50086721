import { expect, test } from "vitest";
import { textFault } from "../../plugins/contract/events.ts";
import { storable } from "./text.ts";

test("a text that is fine stays as it is", () => {
  expect(storable("Здравствуйте 👋", 100)).toBe("Здравствуйте 👋");
});

test("NUL, lone surrogates and a pair that the cut breaks are replaced", () => {
  expect(storable("a\u0000b\ud83dc", 100)).toBe("a\ufffdb\ufffdc");
  const cut = storable("12👋", 3);
  expect(cut).toBe("12\ufffd");
  expect(textFault(cut)).toBeUndefined();
});
