/** What the trainer learns from: a text, the labels that are known of it, and the group that it must not be parted from. */
export interface Example {
  readonly subject?: string | null;
  readonly text: string;
  /** Label by head; a head that is not named here learns nothing from this example. */
  readonly labels: Readonly<Record<string, string>>;
  /** Near-duplicates share a group; a group is never split between training and judging. */
  readonly group: string;
  /** The data set. */
  readonly source: string;
  /** How much it counts, 1 as a rule. */
  readonly weight: number;
}

export type Part = "train" | "calibrate" | "test";
