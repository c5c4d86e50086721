/** What reports are made of, whatever their format, and how figures are written in them. */
import type { Share } from "./shares.ts";

export interface Plot {
  readonly title: string;
  /** What it shows, in a sentence. */
  readonly caption: string;
  /** A whole SVG element; colours are those of the page's style. */
  readonly svg: string;
}

/** All texts are plain: whoever renders them escapes them. */
export type Block =
  | { readonly kind: "heading"; readonly level: 1 | 2 | 3; readonly text: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly string[] }
  /** The first column is text, the others are numbers. */
  | {
      readonly kind: "table";
      readonly name: string;
      readonly columns: readonly string[];
      readonly rows: readonly (readonly string[])[];
    }
  /** Says nothing that tables do not say, so that a format may leave them out. */
  | { readonly kind: "plots"; readonly plots: readonly Plot[] };

/** "72.1 %" */
export const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
/** "72.1 % (68.0–75.9)", with the 95 % interval. */
export const withInterval = ({ share, low, high, of }: Share) =>
  of === 0 ? "–" : `${percent(share)} (${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)})`;
/** "7,164" */
export const number = (value: number) => value.toLocaleString("en");
/** "0.35" */
export const decimal = (value: number) => value.toFixed(2);

/** @param columns the first one names the rows */
export function table(name: string, columns: readonly string[], rows: readonly (readonly string[])[]): Block {
  return { kind: "table", name, columns, rows };
}

export function paragraph(text: string): Block {
  return { kind: "text", text };
}
