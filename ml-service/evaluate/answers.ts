/** What is judged: a model's answers beside the labels that people gave. */

/** One answer. */
export interface Answer {
  readonly right: string;
  readonly label: string;
  /** From 0 to 1. */
  readonly confidence: number;
  readonly abstained: boolean;
}

/** An answer with all that a report asks for. */
export interface HeadAnswer extends Answer {
  /** `type`, `priority`, `department`, or a company's own. */
  readonly head: string;
  /** Labels by falling confidence, as many as the model shows. */
  readonly ranked?: readonly string[];
  /** ISO 639-1; null or missing where it is not known. */
  readonly language?: string | null;
  /** From 0 (like what the model knows) to 1. */
  readonly outOfScope?: number | null;
}

/** Whether the answer is right, whether applied or not. */
export const isRight = ({ label, right }: Answer): boolean => label === right;

/** The answers by falling confidence; the list itself stays as it is. */
export function byConfidence<A extends Answer>(answers: readonly A[]): A[] {
  return [...answers].sort((a, b) => b.confidence - a.confidence);
}

/** The items by key, in the order in which the keys first occur. */
export function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const name = key(item);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return groups;
}
