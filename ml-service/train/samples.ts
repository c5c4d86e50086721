/** Expands the project's own messages (`samples/*.yaml`) into chat lines and letters in three languages. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { Example } from "./examples.ts";
import { createRandom, hashText, pick, type Random } from "./random.ts";

const languages = ["en", "ru", "de"] as const;
/** The project's own messages are what a support desk gets; the other sets lend vocabulary. */
const ownWeight = 2;
type Language = (typeof languages)[number];

const words = z.array(z.string());
const frameSchema = z.object({
  product: words,
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
  readonly department: string;
  readonly type: string;
  readonly priority: string;
  readonly text: string;
}

/**
 * @param folder where `frames.yaml` and, for each language, `en.yaml` and `en-letters.yaml` lie
 * @param variants how many messages each line is expanded into
 */
export function readSamples(folder: string, variants: number): Example[] {
  const frames = framesSchema.parse(parse(readFileSync(join(folder, "frames.yaml"), "utf8")));
  const examples: Example[] = [];
  for (const language of languages) {
    const lines = [`${language}.yaml`, `${language}-letters.yaml`].flatMap((file) =>
      readLines(join(folder, file)),
    );
    for (const line of lines) {
      const random = createRandom(hashText(`${language} ${line.text}`));
      const slots = { ...frames.slots, product: frames[language].product, when: frames[language].when };
      for (let variant = 0; variant < variants; variant += 1) {
        const core = fill(random, expand(random, line.text), slots);
        examples.push(dress(random, frames[language], core, line, language, variant));
      }
    }
  }
  return examples;
}

function readLines(path: string): Line[] {
  const byDepartment = samplesSchema.parse(parse(readFileSync(path, "utf8")));
  return Object.entries(byDepartment).flatMap(([department, blocks]) =>
    Object.entries(blocks).flatMap(([key, block]) => {
      const [type, priority] = key.split(" ");
      if (!type || !priority) throw new Error(`${path}: "${key}" should be a type and a priority`);
      return block
        .split("\n")
        .filter((text) => text.trim() !== "")
        .map((text) => ({ department, type, priority, text: text.trim() }));
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
  let priority = line.priority;
  let body = core;
  // Three in ten carry a cue of their priority or of another one, which then is theirs.
  if (random() < 0.3) {
    const cued = pick(random, cuesFor(line));
    const cue = pick(random, frame.cues[cued] ?? []);
    priority = cued;
    body = random() < 0.6 ? `${closeSentence(core)} ${cue}` : `${cue} ${core}`;
  }
  const shape = variant < 2 ? 0 : random();
  if (shape >= 0.4) {
    const before = fillersFor(random, frame).join("");
    const after = fillersFor(random, frame).reverse().join("");
    const context = shape >= 0.65 ? `${before}${closeSentence(body)} ${after}`.trim() : closeSentence(body);
    body = `${pick(random, frame.greetings)}\n${context}\n${pick(random, frame.closings)}`;
  } else if (variant > 0) body = chatStyle(random, body);
  const { department, type } = line;
  return {
    text: body,
    labels: { department, type, priority, scope: "in" },
    group: `own ${language} ${line.text}`,
    source: `own-${language}`,
    weight: ownWeight,
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
function cuesFor(line: Line): string[] {
  if (line.priority === "urgent") return ["urgent"];
  if (line.priority === "low") return ["low", "low", "high"];
  if (line.priority === "high") return line.type === "incident" ? ["high", "urgent"] : ["high"];
  return line.type === "incident" || line.type === "problem" ? ["low", "high", "urgent"] : ["low", "high"];
}

/** People in a chat leave out capitals and punctuation. */
function chatStyle(random: Random, text: string): string {
  const lower = random() < 0.5 ? text.toLowerCase() : text;
  return random() < 0.4 ? lower.replace(/[?.,!]+$/g, "") : lower;
}

function closeSentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`;
}
