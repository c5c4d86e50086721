/** Which model of its own a company's message is answered by: the one in force, and for new labels what their descriptions teach. */
import type { ClassifierSettings, ClassifyItem } from "../classify-schema.ts";
import { normalise } from "../features.ts";
import type { Meaning } from "../meaning.ts";
import { decodeModel, type Model } from "../model.ts";
import type { ModelHost } from "../registry/host.ts";
import type { Manifest } from "../registry/manifest.ts";
import type { WordVectors } from "../word-vectors.ts";
import { createDescriber, type Describe } from "./describer.ts";
import { type DescribedLabels, headsOf } from "./descriptions.ts";
import { createOwnModel, type OwnModel } from "./own-model.ts";

/** What the host keeps of a version. */
export interface HostedModel {
  readonly model: Model;
  readonly manifest: Manifest;
}

/** What models may have been trained with: words alone, or with a company's own encoder beside them. */
export interface Vectors {
  readonly words: WordVectors;
  readonly meaning: Meaning | null;
}

/** As `Vectors`, where nothing is to be encoded. */
export interface KnownVectors {
  readonly words: WordVectors;
  readonly meaning: WordVectors | null;
}

/** Those that a model was trained with, or else any, which it then refuses. */
export function vectorsFor({ header }: Model, { words, meaning }: KnownVectors): WordVectors {
  return header.vectors?.hash === words.hash ? words : (meaning ?? words);
}

/** @throws ModelError where the bytes are no whole model, or one for another encoder or other word vectors */
export function loadHosted(bytes: Uint8Array, manifest: Manifest, vectors: Vectors): HostedModel {
  const { company, version } = manifest;
  const model = decodeModel(bytes, `version ${version} of ${company}`);
  const named = { ...model, header: { ...model.header, name: company, version } };
  // Made once here, so that what cannot work is refused before it is put in force.
  createOwnModel(named, vectorsFor(named, vectors));
  return { model: named, manifest };
}

export interface Companies {
  /**
   * The model for each item, in their order; null where the default one serves. Items wait while what their labels are said to be is
   * learnt: some seconds for hundreds of labels, once.
   * @throws what the thread throws that learns it; that is tried anew the next time
   */
  ownFor(items: readonly ClassifyItem[], settingsOf: SettingsOf): Promise<(OwnModel | null)[]>;
  /** Drops what was made for all other companies: the host's models are held by it, too. */
  keepOnly(companies: ReadonlySet<string>): void;
}

export type SettingsOf = (company: string) => ClassifierSettings | undefined;

export interface CompaniesParts {
  /** Null where there is no registry: then only descriptions of labels make a difference. */
  readonly host: Pick<ModelHost<HostedModel | null>, "pick"> | null;
  readonly vectors: Vectors;
  /** Companies whose readers are kept in memory. */
  readonly maxKept: number;
  /** Default: as `createDescriber`. */
  readonly describe?: Describe;
}

/** All that was made for a company under one config. */
interface Made {
  readonly key: string;
  readonly labels: DescribedLabels;
  readonly own: readonly string[];
  readonly byVersion: Map<string | null, Promise<OwnModel | null>>;
  /** What descriptions teach, by the names of the heads. */
  readonly guessed: Map<string, Promise<Model>>;
}

export function createCompanies({
  host,
  vectors,
  maxKept,
  describe = createDescriber(),
}: CompaniesParts): Companies {
  /** By company; the one that was used longest ago comes first. */
  const kept = new Map<string, Made>();

  const madeFor = (company: string, settings: ClassifierSettings): Made => {
    const key = JSON.stringify(settings.labels ?? {});
    const there = kept.get(company);
    kept.delete(company);
    const made =
      there?.key === key ? there : { key, ...headsOf(settings), byVersion: new Map(), guessed: new Map() };
    kept.set(company, made);
    for (const oldest of kept.keys()) {
      if (kept.size <= maxKept) break;
      kept.delete(oldest);
    }
    return made;
  };

  const make = async (company: string, made: Made, learnt: Model | null): Promise<OwnModel | null> => {
    const labels = unlearntLabels(made, learnt);
    const heads = Object.keys(labels ?? {}).join();
    const guessed = labels && onceIn(made.guessed, heads, () => describe({ company, labels }));
    return makeOwn(made, { learnt, guessed: await guessed }, vectors);
  };

  const ownOf = (company: string, made: Made, hosted: HostedModel | null) => {
    const version = hosted?.manifest.version ?? null;
    // The one in force, the one on trial and the one before: no company needs more at once.
    if (made.byVersion.size >= 3 && !made.byVersion.has(version)) made.byVersion.clear();
    return onceIn(made.byVersion, version, () => make(company, made, hosted?.model ?? null));
  };

  return {
    async ownFor(items, settingsOf) {
      const owns = await Promise.all(
        items.map(async ({ company, ticket, id }) => {
          const picked = await host?.pick(company, ticket ?? id);
          const settings = settingsOf(company);
          const hosted = picked?.model ?? null;
          if (!hosted && !settings?.labels?.type && !settings?.labels?.department) return null;
          const made = madeFor(company, settings ?? emptySettings);
          return ownOf(company, made, hosted);
        }),
      );
      const encoded = items.filter((_, at) => owns[at]?.usesEncoder);
      if (encoded.length > 0)
        await vectors.meaning?.know(encoded.map(({ subject, text }) => normalise(subject, text)));
      return owns;
    },
    keepOnly(companies) {
      for (const company of kept.keys()) if (!companies.has(company)) kept.delete(company);
    },
  };
}

const emptySettings: ClassifierSettings = { rules: {}, vip: [] };

/** What is there or under way, or else is made now; what fails is tried anew when it is asked for again. */
function onceIn<K, T>(map: Map<K, Promise<T>>, key: K, make: () => Promise<T>): Promise<T> {
  const there = map.get(key);
  if (there) return there;
  const made = make();
  map.set(key, made);
  made.catch(() => {
    if (map.get(key) === made) map.delete(key);
  });
  return made;
}

const allowedBy = (labels: DescribedLabels): Record<string, string[] | undefined> =>
  Object.fromEntries(Object.entries(labels).map(([head, described]) => [head, Object.keys(described)]));

/** Of a head with other labels than the config, the rest would say little; and nothing of labels that are new there. */
function fits(labels: DescribedLabels, model: Model | null, head: string): boolean {
  const theirs = model?.header.heads.find(({ name }) => name === head)?.labels ?? [];
  const allowed = allowedBy(labels)[head] ?? [];
  const common = theirs.filter((label) => allowed.includes(label)).length;
  return common > 0 && common * 2 >= Math.max(theirs.length, allowed.length);
}

/** The heads of the company's own that a model does not know, or not with these labels: their descriptions have to do. Null for none. */
export function unlearntLabels(
  { labels, own }: Pick<Made, "labels" | "own">,
  model: Model | null,
): DescribedLabels | null {
  const missing = own.filter((head) => !fits(labels, model, head));
  return missing.length === 0 ? null : Object.fromEntries(missing.map((head) => [head, labels[head] ?? {}]));
}

/**
 * The model's heads that fit the config, and what descriptions teach for those of `unlearntLabels`; null where only the default
 * model has a say.
 */
export function makeOwn(
  { labels }: Pick<Made, "labels">,
  { learnt: model, guessed }: { learnt: Model | null; guessed: Model | null },
  vectors: KnownVectors,
): OwnModel | null {
  const learnt = model && createOwnModel(model, vectorsFor(model, vectors), allowedBy(labels));
  const fromDescriptions = guessed && createOwnModel(guessed, vectors.words);
  const heads = (learnt?.heads ?? []).map(({ name }) => name).filter((name) => fits(labels, model, name));
  if (!learnt || heads.length === 0) return fromDescriptions;
  return joined(learnt, heads, fromDescriptions);
}

/** One model's heads, and another one's for those that it lacks. */
function joined(first: OwnModel, heads: readonly string[], second: OwnModel | null): OwnModel {
  return {
    name: first.name,
    usesEncoder: first.usesEncoder || second?.usesEncoder === true,
    heads: [...first.heads.filter(({ name }) => heads.includes(name)), ...(second?.heads ?? [])],
    read(normal, defaults) {
      const reading = first.read(normal, defaults);
      const others = second?.read(normal, defaults).heads ?? new Map();
      const kept = [...reading.heads].filter(([head]) => heads.includes(head));
      return { ...reading, heads: new Map([...kept, ...others]) };
    },
  };
}
