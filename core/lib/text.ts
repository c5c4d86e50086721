/** Texts that others wrote, made fit for PostgreSQL, which takes neither NUL nor broken Unicode. */

/** The first `max` characters; a pair that the cut would break, lone surrogates and NUL become U+FFFD. */
export function storable(text: string, max: number): string {
  return text.slice(0, max).toWellFormed().replaceAll("\u0000", "\ufffd");
}
