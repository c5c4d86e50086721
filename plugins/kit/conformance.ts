/** The conformance suite: checks of one connector against its world, and their entry into a test runner. */
import { deliverRules } from "./checks/deliver.ts";
import { deliverFaultRules } from "./checks/deliver-faults.ts";
import { lifeRules } from "./checks/life.ts";
import { pullContentRules } from "./checks/pull-content.ts";
import { pullFaultRules } from "./checks/pull-faults.ts";
import { pullListRules } from "./checks/pull-list.ts";
import { pullPlaceRules } from "./checks/pull-place.ts";
import { pushRules } from "./checks/push.ts";
import { serveRules } from "./checks/serve.ts";
import { specRules } from "./checks/spec.ts";
import { createJournal } from "./journal.ts";
import { type Capability, capabilities, type Rule } from "./rule.ts";
import { NotCovered, withStage } from "./stage.ts";
import type { World } from "./world.ts";

/** What came of a check that found no fault; one that did has thrown. */
export type Outcome = { readonly covered: true } | { readonly covered: false; readonly reason: string };

export interface Check {
  /** The rule as a sentence. */
  readonly name: string;
  readonly covers: Capability;
  /** Throws where the connector breaks the rule. */
  run(): Promise<Outcome>;
}

/** Where checks are entered: vitest's `test`, node:test's, or any like them. */
export interface Runner {
  // biome-ignore lint/suspicious/noExplicitAny: runners hand over contexts of types of their own
  test(name: string, run: (context: any) => Promise<void>): unknown;
  /** Where the grade goes; default: the terminal. */
  print?(line: string): void;
}

/** The rule about secrets comes last: it looks through all that was said before. */
const rules: readonly Rule[] = [
  ...specRules,
  ...pullContentRules,
  ...pullPlaceRules,
  ...pullFaultRules,
  ...pullListRules,
  ...pushRules,
  ...serveRules,
  ...deliverRules,
  ...deliverFaultRules,
  ...lifeRules,
];

/** The names of all checks that there are. */
export const checkNames: readonly string[] = rules.map(({ name }) => name);

function applies({ covers, applies: has }: Rule, { spec }: World): boolean {
  if (has) return has(spec);
  return covers === "spec" || covers === "life" || spec[covers] !== undefined;
}

/** Why a check is not asked of this connector: said of itself, or of all checks of its capability. */
function exemptionOf({ name, covers }: Rule, { exempt = {} }: World): string | undefined {
  if (Object.hasOwn(exempt, name)) return exempt[name];
  return Object.hasOwn(exempt, covers) ? exempt[covers] : undefined;
}

/** The checks that apply to a connector: those of the blocks that it has, less those that its world exempts it from. */
export function conformanceChecks(world: World): Check[] {
  const known: readonly string[] = [...checkNames, ...capabilities];
  const unknown = Object.keys(world.exempt ?? {}).filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`exempt: there is no check "${unknown.join('", "')}"`);
  const journal = createJournal();
  return rules
    .filter((rule) => applies(rule, world) && exemptionOf(rule, world) === undefined)
    .map(({ name, covers, run }) => ({
      name,
      covers,
      async run() {
        try {
          await withStage(world, journal, run);
          return { covered: true };
        } catch (error) {
          if (error instanceof NotCovered) return { covered: false, reason: error.message };
          throw error;
        }
      },
    }));
}

/** What came of the checks that ran. */
export interface Results {
  readonly total: number;
  readonly failed: number;
  /** The reasons of those that the world gave no means for, by name. */
  readonly gaps: ReadonlyMap<string, string>;
}

/** The grade in words: how much of what applies is covered, then a line for each gap and each exemption. */
export function gradeLines(world: World, { total, failed, gaps }: Results): string[] {
  const exempt = rules.filter((rule) => applies(rule, world) && exemptionOf(rule, world) !== undefined);
  const counts = [
    `covered ${total - gaps.size} of ${total}`,
    ...(failed > 0 ? [`failed: ${failed}`] : []),
    ...(gaps.size > 0 ? [`not covered: ${gaps.size}`] : []),
    ...(exempt.length > 0 ? [`exempt: ${exempt.length}`] : []),
  ];
  return [
    `${world.spec.name}: ${counts.join("; ")}`,
    ...[...gaps].map(([name, reason]) => `  not covered: ${name} (${reason})`),
    ...Object.entries(world.exempt ?? {}).map(([name, reason]) => `  exempt: ${name} (${reason})`),
  ];
}

/**
 * Enters all checks of a connector as tests, and a last one that prints the grade. A check that the world gives no means for
 * is skipped with its reason, where the runner can skip.
 */
export function describeConnector(world: World, { test, print = console.log }: Runner): void {
  const checks = conformanceChecks(world);
  const gaps = new Map<string, string>();
  let total = 0;
  let failed = 0;
  for (const check of checks) {
    test(check.name, async (context) => {
      total++;
      failed++;
      const outcome = await check.run();
      failed--;
      if (outcome.covered) return;
      gaps.set(check.name, outcome.reason);
      context?.skip?.(`not covered: ${outcome.reason}`);
    });
  }
  test(`grade of ${world.spec.name}`, async () => {
    // With a filter only some of the checks have run.
    for (const line of gradeLines(world, { total, failed, gaps })) print(line);
  });
}
