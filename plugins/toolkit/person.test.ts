import { expect, test } from "vitest";
import { personOf } from "./person.ts";

test.each([
  ["Ada Berg <ada@example.com>", { name: "Ada Berg", email: "ada@example.com" }],
  ['"Berg, Ada \\"the A\\"" <ada@example.com>', { name: 'Berg, Ada "the A"', email: "ada@example.com" }],
  ["<ada@example.com>", { email: "ada@example.com" }],
  ["ada@example.com", { email: "ada@example.com" }],
  ["ada@example.com, bob@example.com", { email: "ada@example.com" }],
  ["Ada <ada@example.com>, Bob <bob@example.com>", { name: "Ada", email: "ada@example.com" }],
  ["Ada Berg", { name: "Ada Berg" }],
  ["+49 30 1234567", { name: "+49 30 1234567" }],
  ["ada@home <ada@example.com>", { name: "ada@home", email: "ada@example.com" }],
  ["Ada <nowhere>", { name: "Ada" }],
  [
    "Ada\r\nBcc: all@example.com <ada@example.com>",
    { name: "Ada Bcc: all@example.com", email: "ada@example.com" },
  ],
  ["", {}],
  [null, {}],
  [undefined, {}],
])("%j is read as %j", (line, person) => {
  expect(personOf(line)).toEqual(person);
});

test("a line of any length is read in no time, and fits", () => {
  const { name = "", email } = personOf(`${"x".repeat(1_000_000)} <${"@".repeat(1_000_000)}>`);
  expect(name.length).toBe(320);
  expect(email).toBeUndefined();
});
