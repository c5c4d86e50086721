/** The whole suite against the reference connector: all rules are kept, and none is left uncovered. */
import { expect, test } from "vitest";
import { checkNames, conformanceChecks, describeConnector } from "../conformance.ts";
import { reference } from "./reference.ts";
import { referenceWorld } from "./reference-world.ts";

const lines: string[] = [];
describeConnector(referenceWorld(reference), { test, print: (line) => lines.push(line) });

test("the reference has all capabilities, so that every check runs, and the grade says so", () => {
  expect(conformanceChecks(referenceWorld(reference)).map(({ name }) => name)).toEqual(checkNames);
  expect(lines).toEqual([`reference: covered ${checkNames.length} of ${checkNames.length}`]);
});
