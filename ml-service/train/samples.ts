/** Expands the project's own messages (`samples/*.yaml`) into chat lines and letters in three languages. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { Example } from "./examples.ts";
import { createRandom, hashText, pick, type Random } from "./random.ts";

const languages = ["en", "ru", "de"] as const;
/** The project's own messages are what a support desk gets; the other sets lend vocabulary. */
const ownWeight = 2;
/** Small talk in Russian and German is learnt from few lines, that in English from whole sets beside them. */
const outsideWeight = 6;
type Language = (typeof languages)[number];

const words = z.array(z.string());
const frameSchema = z.object({
  product: words,
  device: words,
  topic: words,
  when: words,
  greetings: words,
  fillers: words,
  closings: words,
  cues: z.record(z.string(), words),
});
const framesSchema = z.object({
  slots: z.record(z.string(), words),
  en: frameSchema,
  ru: frameSchema,
  de: frameSchema,
});
const samplesSchema = z.record(z.string(), z.record(z.string(), z.string()));

type Frame = z.output<typeof frameSchema>;

interface Line {
  /** Null for what is no matter for a support desk. */
  readonly labels: { readonly department: string; readonly type: string; readonly priority: string } | null;
  readonly text: string;
}

/**
 * @param folder where `frames.yaml` lies and, for each language, any number of files such as `en.yaml` and `en-letters.yaml`
 * @param variants how many messages each line is expanded into
 */
export function readSamples(folder: string, variants: number): Example[] {
  const frames = framesSchema.parse(parse(readFileSync(join(folder, "frames.yaml"), "utf8")));
  const examples: Example[] = [];
  const files = readdirSync(folder).sort();
  for (const language of languages) {
    const lines = files
      .filter((file) => file.startsWith(`${language}.`) || file.startsWith(`${language}-`))
      .flatMap((file) => readLines(join(folder, file)));
    for (const line of lines) {
      const random = createRandom(hashText(`${language} ${line.text}`));
      const { product, device, topic, when } = frames[language];
      const slots = { ...frames.slots, product, device, topic, when };
      for (let variant = 0; variant < variants; variant += 1) {
        const core = fill(random, expand(random, line.text), slots);
        examples.push(dress(random, frames[language], core, line, language, variant));
      }
    }
  }
  return examples;
}

/** A department's block is headed by type and priority; one under `outside` by what kind of thing it is. */
function readLines(path: string): Line[] {
  const byDepartment = samplesSchema.parse(parse(readFileSync(path, "utf8")));
  return Object.entries(byDepartment).flatMap(([department, blocks]) =>
    Object.entries(blocks).flatMap(([key, block]) => {
      const [type, priority] = key.split(" ");
      const isOutside = department === "outside";
      if (!isOutside && !(type && priority))
        throw new Error(`${path}: "${key}" should be a type and a priority`);
      const labels = isOutside ? null : { department, type: type ?? "", priority: priority ?? "" };
      return block
        .split("\n")
        .filter((text) => text.trim() !== "")
        .map((text) => ({ labels, text: text.trim() }));
    }),
  );
}

/** Chooses one of each `{a|b}`. */
function expand(random: Random, text: string): string {
  return text.replace(/\{([^{}]*)\}/g, (_, inner: string) => pick(random, inner.split("|")));
}

function fill(random: Random, text: string, slots: Record<string, string[]>): string {
  return text
    .replace(/<(\w+)>/g, (_, slot: string) => pick(random, slots[slot] ?? [slot]))
    .replace(/ +/g, " ")
    .replace(/ ([?.,])/g, "$1")
    .trim();
}

/** Makes a bare line, a short message or a letter of it. A cue such as "there is no hurry" changes the priority. */
function dress(
  random: Random,
  frame: Frame,
  core: string,
  line: Line,
  language: Language,
  variant: number,
): Example {
  let labels: Record<string, string> = line.labels ? { ...line.labels, scope: "in" } : { scope: "out" };
  let body = core;
  // Three in ten carry a cue of their priority or of another one, which then is theirs.
  if (line.labels && random() < 0.3) {
    const cued = pick(random, cuesFor(line.labels));
    const cue = pick(random, frame.cues[cued] ?? []);
    labels = { ...labels, priority: cued };
    body = random() < 0.6 ? `${closeSentence(core)} ${cue}` : `${cue} ${core}`;
  }
  // Fillers are about a matter of the writer's own, which small talk has none of.
  const shape = variant < 2 || !line.labels ? 0 : random();
  if (shape >= 0.4) {
    const before = fillersFor(random, frame).join("");
    const after = fillersFor(random, frame).reverse().join("");
    const context = shape >= 0.65 ? `${before}${closeSentence(body)} ${after}`.trim() : closeSentence(body);
    body = `${pick(random, frame.greetings)}\n${context}\n${pick(random, frame.closings)}`;
  } else if (variant > 0) body = chatStyle(random, body);
  return {
    text: body,
    labels,
    group: `own ${language} ${line.text}`,
    source: `own-${language}`,
    weight: line.labels ? ownWeight : outsideWeight,
  };
}

/** None, one or two sentences that say nothing about the matter, each with a space behind it. */
function fillersFor(random: Random, frame: Frame): string[] {
  const share = random();
  if (share < 0.4) return [];
  const first = `${pick(random, frame.fillers)} `;
  return share < 0.75 ? [first] : [first, `${pick(random, frame.fillers)} `];
}

/** Which cues fit: a broken service is not made trivial by politeness, a suggestion is not an emergency. */
function cuesFor({ type, priority }: NonNullable<Line["labels"]>): string[] {
  if (priority === "urgent") return ["urgent"];
  if (priority === "low") return ["low", "low", "high"];
  if (priority === "high") return type === "incident" ? ["high", "urgent"] : ["high"];
  return type === "incident" || type === "problem" ? ["low", "high", "urgent"] : ["low", "high"];
}

/** People in a chat leave out capitals and punctuation. */
function chatStyle(random: Random, text: string): string {
  const lower = random() < 0.5 ? text.toLowerCase() : text;
  return random() < 0.4 ? lower.replace(/[?.,!]+$/g, "") : lower;
}

function closeSentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`;
}
