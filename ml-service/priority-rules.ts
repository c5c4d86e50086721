/** Readable rules that raise the priority, whatever the model says: a company must be able to see why, and to change it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { type ClassifierSettings, type RaisedPriority, raisedPriorities } from "./classify-schema.ts";
import {
  createPhraseMatcher,
  createWordReader,
  endOfWord,
  type PhraseMatcher,
  type Words,
} from "./phrase-matcher.ts";

/** A built-in rule, as `priority-rules.yaml` has it. */
export interface PriorityRule {
  readonly name: string;
  /** When it fires, in a sentence. */
  readonly about: string;
  /** The priority is at least this. */
  readonly raisesTo: RaisedPriority;
  readonly phrases: readonly string[];
}

export interface PriorityRules {
  /**
   * @param normal as `normalise` gives it
   * @param requester whose address is compared with the company's `vip` list
   * @returns the rules that fire, and the highest priority that they ask for (null for none)
   */
  apply(normal: string, requester?: { email: string | null }): Raised;
}

export interface Raised {
  readonly raisesTo: RaisedPriority | null;
  readonly rules: string[];
}

/** Directly before a phrase, without punctuation between, these turn it round: "not urgent", "nicht dringend", "не срочно". */
const negators = ["not", "isn t", "aren t", "never", "nicht", "kein*", "не"];
/** These count as nothing said. What "no" belongs to cannot be told by its place: "No! Urgent!" */
const cancelled = [
  "no emergency",
  "no outage",
  "no deadline",
  "no lawyer",
  "not * urgent",
  "not * critical",
  "несрочно",
  "не * срочно",
  "nicht * dringend",
  "eilt nicht",
  "eilt * nicht",
  "eilt * * nicht",
];
const negator = -1;
const cancel = -2;

const phrasesSchema = z.string().transform((block) => block.split("\n").filter((line) => line !== ""));
const builtInSchema = z.record(
  z.string(),
  z
    .object({
      about: z.string(),
      raisesTo: z.enum(raisedPriorities),
      en: phrasesSchema.default([]),
      ru: phrasesSchema.default([]),
      de: phrasesSchema.default([]),
    })
    .transform(({ en, ru, de, ...rule }) => ({ ...rule, phrases: [...en, ...ru, ...de] })),
);

/** The rules that come with the code, in their order. */
export const builtInRules: readonly PriorityRule[] = Object.entries(
  builtInSchema.parse(parse(readFileSync(join(import.meta.dirname, "priority-rules.yaml"), "utf8"))),
).map(([name, rule]) => ({ name, ...rule }));

/** The built-in rules as a company has changed them, with its own behind them. */
export function rulesWith({ rules: changes }: Pick<ClassifierSettings, "rules">): PriorityRule[] {
  const names = new Set([...builtInRules.map(({ name }) => name), ...Object.keys(changes)]);
  return [...names].flatMap((name) => {
    const own = changes[name];
    if (own === "off") return [];
    const base = builtInRules.find((rule) => rule.name === name);
    const raisesTo = own?.raisesTo ?? base?.raisesTo ?? "high";
    const phrases = [...(base?.phrases ?? []), ...(own?.phrases ?? [])];
    return [{ name, about: base?.about ?? "A rule of the company.", raisesTo, phrases }];
  });
}

/** Compiles a company's rules, once for all its messages. @param settings default: the built-in rules as they are */
export function createPriorityRules(settings: ClassifierSettings = { rules: {}, vip: [] }): PriorityRules {
  const rules = rulesWith(settings);
  const vipAt = rules.findIndex(({ name }) => name === "vip");
  const vips = new Set(settings.vip.map((entry) => entry.toLowerCase()));
  const isVip = (email: string) => vips.has(email) || vips.has(email.slice(email.lastIndexOf("@")));
  const matcher = createPhraseMatcher();
  for (const phrase of negators) matcher.add(phrase, negator);
  for (const phrase of cancelled) matcher.add(phrase, cancel);
  for (const [at, { phrases }] of rules.entries()) for (const phrase of phrases) matcher.add(phrase, at);
  const read = createWordReader();
  return {
    apply(normal, requester) {
      const fired = findRules(matcher, read(normal));
      const email = requester?.email?.toLowerCase();
      if (vipAt >= 0 && vips.size > 0 && email && isVip(email)) fired.add(vipAt);
      const firing = rules.filter((_, at) => fired.has(at));
      const height = Math.max(-1, ...firing.map(({ raisesTo }) => raisedPriorities.indexOf(raisesTo)));
      return { raisesTo: raisedPriorities[height] ?? null, rules: firing.map(({ name }) => name) };
    },
  };
}

/** The places of the rules whose phrases stand in a text, unless they are turned round. */
function findRules(matcher: PhraseMatcher, words: Words): Set<number> {
  const fired = new Set<number>();
  let negatedAt = 0;
  for (let from = 1; from < words.length; ) {
    const isNegated = negatedAt === from && words.parted[from] === 0;
    const found: number[] = [];
    let end = endOfWord(words.codes, from);
    let isCancelled = isNegated;
    matcher.at(words, from, (value, foundEnd) => {
      const cancels = value === cancel && !words.parted.subarray(from + 1, foundEnd).includes(1);
      if (value === negator) negatedAt = foundEnd + 1;
      else if (value >= 0) found.push(value);
      isCancelled ||= cancels;
      if (cancels || isNegated) end = Math.max(end, foundEnd);
    });
    if (!isCancelled) for (const value of found) fired.add(value);
    from = end + 1;
  }
  return fired;
}

/** Keeps each company's compiled rules until its settings change. */
export interface RuleBook {
  /** What is in force for the companies of some items; one that has no settings has the built-in rules as they are. */
  read(items: Iterable<{ company: string }>, settings: Readonly<Record<string, ClassifierSettings>>): void;
  of(company: string): PriorityRules;
}

export function createRuleBook(): RuleBook {
  const builtIn = createPriorityRules();
  const compiled = new Map<string, { key: string; rules: PriorityRules }>();
  return {
    read(items, settings) {
      for (const company of new Set(Array.from(items, (item) => item.company))) {
        const own = settings[company];
        const key = JSON.stringify(own ?? null);
        if (!own) compiled.delete(company);
        else if (compiled.get(company)?.key !== key)
          compiled.set(company, { key, rules: createPriorityRules(own) });
      }
    },
    of: (company) => compiled.get(company)?.rules ?? builtIn,
  };
}
