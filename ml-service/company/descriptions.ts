/** What the descriptions of labels teach: a company's classifier starts from them, and corrections take over. */
import type { ClassifierSettings } from "../classify-schema.ts";
import { labels as defaultLabels } from "../labels.ts";
import type { Example } from "../train/examples.ts";

/** Descriptions count as much as this many corrections of the same label, and so lose their say as corrections come. */
const weight = 2;

/** Label and description, by head. */
export type DescribedLabels = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The heads of a company with their labels and descriptions, and which of them are its own. */
export function headsOf(settings: ClassifierSettings): { labels: DescribedLabels; own: string[] } {
  const { type, department } = settings.labels ?? {};
  const { priority } = defaultLabels;
  return {
    labels: {
      type: type ?? defaultLabels.type,
      priority,
      department: department ?? defaultLabels.department,
    },
    own: [...(type ? ["type"] : []), ...(department ? ["department"] : [])],
  };
}

/** The label's name, its description, and each part of it, as if they were messages. */
export function examplesOf(labels: DescribedLabels): Example[] {
  return Object.entries(labels).flatMap(([head, described]) =>
    Object.entries(described).flatMap(([label, description]) => {
      const parts = description
        .split(/[,;:.!?()]+|\s(?:and|or|und|oder|и|или)\s/u)
        .map((part) => part.trim());
      const texts = new Set(
        [label.replaceAll(/[-_/]+/g, " "), description, ...parts].filter((text) => text !== ""),
      );
      return [...texts].map((text) => ({
        text,
        labels: { [head]: label },
        group: `description ${head} ${label}`,
        source: "description",
        weight,
      }));
    }),
  );
}
