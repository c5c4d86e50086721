/** Who wrote, from a line such as a mail's From. */
import { oneLine } from "./plain.ts";

const maxLength = 320;
const maxLine = 2_000;

/**
 * The name and the address in `Ada Berg <ada@example.com>`, of the first one where there are several; an address or a name alone
 * is known as such. Never throws: what is missing is left out.
 */
export function personOf(line: string | null | undefined): { name?: string; email?: string } {
  const text = oneLine(line ?? "", maxLine);
  const open = text.indexOf("<");
  const [address = ""] = /[^\s<>,;"]{1,254}@[^\s<>,;"]{1,254}/.exec(open < 0 ? text : text.slice(open)) ?? [];
  const before = open < 0 ? (address === "" ? text : "") : text.slice(0, open);
  const name = oneLine(
    before
      .trim()
      .replace(/^"(.*)"$/, "$1")
      .replaceAll('\\"', '"'),
    maxLength,
  );
  return { ...(name && { name }), ...(address && address.length <= maxLength && { email: address }) };
}
