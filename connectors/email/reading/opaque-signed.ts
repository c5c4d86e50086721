/** The mail within an opaquely signed one (S/MIME `signed-data`, RFC 5652): Outlook's other way to sign. */

/** One element of BER: where its content lies, and where the next one begins. */
interface Element {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
  readonly next: number;
}

const maxDepth = 20;
const signedData = Buffer.from("06092a864886f70d010702", "hex");

/** The signed content, or null where there is none, or its structure is broken. The signature is not verified. */
export function signedContent(cms: Buffer): Buffer | null {
  const info = cms[0] === 0x30 ? element(cms, 0, cms.length, 0) : null;
  if (!info || !cms.subarray(info.start, info.start + signedData.length).equals(signedData)) return null;
  const [, wrapped] = children(cms, info);
  const [data] = wrapped ? children(cms, wrapped) : [];
  // Version, digest algorithms, and then the content: its type, and itself as octets.
  const content = data ? children(cms, data)[2] : undefined;
  const [, octets] = content ? children(cms, content) : [];
  const parts = octets ? children(cms, octets).flatMap((part) => octetsOf(cms, part, 0)) : [];
  return parts.length > 0 ? Buffer.concat(parts) : null;
}

/** Octets in one piece, or in many, as programs write them that do not know the length at the start. */
function octetsOf(cms: Buffer, part: Element, depth: number): Buffer[] {
  if (part.tag === 0x04) return [cms.subarray(part.start, part.end)];
  if (part.tag !== 0x24 || depth > maxDepth) return [];
  return children(cms, part).flatMap((piece) => octetsOf(cms, piece, depth + 1));
}

function children(cms: Buffer, parent: Element): Element[] {
  const found: Element[] = [];
  for (let at = parent.start; at < parent.end; ) {
    const child = element(cms, at, parent.end, 0);
    if (!child) break;
    found.push(child);
    at = child.next;
  }
  return found;
}

function element(cms: Buffer, at: number, limit: number, depth: number): Element | null {
  const tag = cms[at];
  const first = cms[at + 1];
  if (tag === undefined || first === undefined || at + 2 > limit || (tag & 0x1f) === 0x1f || depth > maxDepth)
    return null;
  if (first === 0x80) return indefinite(cms, tag, at + 2, limit, depth);
  const bytes = first > 0x80 ? first & 0x7f : 0;
  if (bytes > 4 || at + 2 + bytes > limit) return null;
  const length = bytes > 0 ? cms.readUIntBE(at + 2, bytes) : first;
  const start = at + 2 + bytes;
  return start + length > limit ? null : { tag, start, end: start + length, next: start + length };
}

/** An element whose end is marked by two zero bytes after its last child. */
function indefinite(cms: Buffer, tag: number, start: number, limit: number, depth: number): Element | null {
  for (let at = start; at + 2 <= limit; ) {
    if (cms[at] === 0 && cms[at + 1] === 0) return { tag, start, end: at, next: at + 2 };
    const child = element(cms, at, limit, depth + 1);
    if (!child) return null;
    at = child.next;
  }
  return null;
}
