/** Lists that are answered page by page. */

/** @param found one more than the page holds, where there is a next page */
export function onePage<Name extends string>(name: Name, found: Array<{ id: string }>, limit: number) {
  const shown = found.slice(0, limit);
  return { [name]: shown, next: found.length > limit ? (shown.at(-1)?.id ?? null) : null };
}
