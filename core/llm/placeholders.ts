/** The placeholders of macros: `{{requester.name}}`, `{{company.name}}`, `{{ticket.subject}}`. */

const known = ["requester.name", "company.name", "ticket.subject"] as const;
type Placeholder = (typeof known)[number];

/** Values by placeholder; null where the ticket does not have it. */
export type PlaceholderValues = Record<Placeholder, string | null>;

const pattern = /\{\{([^{}\n]*)\}\}/g;

function isKnown(name: string): name is Placeholder {
  return known.some((placeholder) => placeholder === name);
}

/** Placeholders that no ticket has a value for, with their 1-based lines. */
export function unknownPlaceholders(text: string): Array<{ name: string; line: number; expected: string }> {
  return [...text.matchAll(pattern)]
    .map((match) => ({
      name: (match[1] ?? "").trim(),
      line: text.slice(0, match.index).split("\n").length,
      expected: known.map((name) => `{{${name}}}`).join(", "),
    }))
    .filter(({ name }) => !isKnown(name));
}

/** Puts values in. A missing one goes together with the comma or space before it: "Hello, {{…}}!" becomes "Hello!". */
export function fillPlaceholders(text: string, values: PlaceholderValues): string {
  return text.replace(/([ \t,]*)\{\{([^{}\n]*)\}\}/g, (whole, before: string, inner: string) => {
    const name = inner.trim();
    if (!isKnown(name)) return whole;
    const value = values[name];
    return value === null ? "" : before + value;
  });
}
