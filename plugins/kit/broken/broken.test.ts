/** The kit itself under test: connectors with one seeded fault each, and the check that has to find it. */
import { afterAll, expect, test } from "vitest";
import { describeError } from "../../contract/errors.ts";
import { checkNames, conformanceChecks } from "../conformance.ts";
import { deliverFaultFlaws, deliverFlaws } from "./deliver-flaws.ts";
import type { Flaw } from "./flaw.ts";
import { listFlaws } from "./list-flaws.ts";
import { pullFaultFlaws } from "./pull-fault-flaws.ts";
import { pullFlaws } from "./pull-flaws.ts";
import { pushFlaws, serveFlaws } from "./push-flaws.ts";
import { referenceWorld } from "./reference-world.ts";
import { leftTimers, lifeFlaws, specFlaws } from "./spec-flaws.ts";

const flaws: Flaw[] = [
  ...specFlaws,
  ...pullFlaws,
  ...pullFaultFlaws,
  ...listFlaws,
  ...pushFlaws,
  ...serveFlaws,
  ...deliverFlaws,
  ...deliverFaultFlaws,
  ...lifeFlaws,
];

/** It looks at the whole process: what other checks have open at that time would count. */
const aloneOnly = "nothing keeps running once it is closed";

afterAll(() => {
  for (const timer of leftTimers.splice(0)) clearInterval(timer);
});

/** Checks of one connector at a time: all at once they would wait for each other longer than the kit waits. */
const sideBySide = 8;

/** What each failing check of a connector said, by the check's name. */
async function failures(
  spec: Flaw["spec"],
  isAsked: (name: string) => boolean,
): Promise<Record<string, string>> {
  const left = conformanceChecks(referenceWorld(spec)).filter(({ name }) => isAsked(name));
  const said: Record<string, string> = {};
  const work = async () => {
    for (let check = left.shift(); check; check = left.shift()) {
      try {
        const outcome = await check.run();
        if (!outcome.covered) said[check.name] = `not covered: ${outcome.reason}`;
      } catch (error) {
        said[check.name] = describeError(error);
      }
    }
  };
  await Promise.all(Array.from({ length: sideBySide }, work));
  return said;
}

/** No more and no less than this finds the flaw. */
function expectFound(
  found: Record<string, string>,
  { caughtBy, also = {} }: Flaw,
  among: (name: string) => boolean,
) {
  const expected = [caughtBy, ...Object.keys(also)].filter(among);
  expect(Object.keys(found).sort(), JSON.stringify(found, null, 1)).toEqual(expected.sort());
}

test.concurrent.each(flaws)("$flaw", async (flaw) => {
  const isAsked = (name: string) => name !== aloneOnly;
  expectFound(await failures(flaw.spec, isAsked), flaw, isAsked);
});

test("of all of them only the one that leaves a timer behind keeps running", async () => {
  const isAsked = (name: string) => name === aloneOnly;
  for (const flaw of flaws) expectFound(await failures(flaw.spec, isAsked), flaw, isAsked);
});

test("each check finds the fault of one of them at least", () => {
  const named = new Set(flaws.map(({ caughtBy }) => caughtBy));
  expect(checkNames.filter((name) => !named.has(name))).toEqual([]);
});
