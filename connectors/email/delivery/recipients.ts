/** Who an answer comes from and goes to: a reply-all that leaves out the company's own addresses. */
import { domainToASCII } from "node:url";
import type { MailAddress } from "../mail.ts";
import type { MailOrigin } from "./source-data.ts";
import { oneLine } from "./text.ts";

const maxTo = 20;
const maxCc = 50;

/**
 * Letters of any script, digits and signs as RFC 5322 allows without quotes. Longer than the 64 of RFC 5321: services that
 * answer by mail put long tokens into their Reply-To.
 */
const localPart = /^[^\s"(),:;<>@[\\\]\p{C}]{1,250}$/u;

/**
 * An address in the form in which two spellings of it are equal: lower case, the domain in ASCII. Null for what is no
 * address that a mail could be sent to.
 */
export function canonicalAddress(address: string): string | null {
  const at = address.lastIndexOf("@");
  const local = address.slice(0, Math.max(at, 0)).normalize("NFC").toLowerCase();
  const domain = domainToASCII(address.slice(at + 1));
  if (at < 1 || !localPart.test(local) || !/^[a-z0-9.-]{1,253}$/.test(domain)) return null;
  return `${local}@${domain}`;
}

/** The company's own addresses: the mailbox itself and its aliases. */
export interface OwnAddresses {
  /** The address that answers come from where no other is known. */
  readonly main: string;
  /** As configured, the main one first. */
  readonly all: readonly string[];
  has(address: string): boolean;
  /** The configured address that another spelling of it, or one with `+detail`, stands for. */
  match(address: string): string | null;
}

/** @param addresses the main one first */
export function ownAddresses(addresses: readonly string[]): OwnAddresses {
  const known = new Map<string, string>();
  for (const address of addresses) {
    const canonical = canonicalAddress(address);
    if (canonical !== null && !known.has(canonical)) known.set(canonical, address);
  }
  const [main] = known.values();
  if (main === undefined) throw new Error("an e-mail connector needs an address of its own");
  const match = (address: string) => {
    const canonical = canonicalAddress(address);
    if (canonical === null) return null;
    return known.get(canonical) ?? known.get(canonical.replace(/\+[^@]*@/, "@")) ?? null;
  };
  return { main, all: [...known.values()], match, has: (address) => match(address) !== null };
}

/** The company's address that the mail came to: answers come from it. */
export function aliasOf(origin: MailOrigin | null, own: OwnAddresses): string {
  if (origin === null) return own.main;
  const candidates = [
    ...(origin.deliveredTo === null ? [] : [origin.deliveredTo]),
    ...[...origin.to, ...origin.cc].map(({ address }) => address),
  ];
  for (const candidate of candidates) {
    const match = own.match(candidate);
    if (match !== null) return match;
  }
  return own.main;
}

export interface Recipients {
  readonly to: readonly MailAddress[];
  readonly cc: readonly MailAddress[];
}

/**
 * Reply-To, or else From; and all others who got the mail as Cc. Each address once, the company's own never.
 * @param requester the address to answer to where the mail names none; null where there is none
 */
export function recipientsOf(
  origin: MailOrigin | null,
  requester: MailAddress | null,
  own: OwnAddresses,
): Recipients {
  const seen = new Set<string>();
  const take = (list: readonly MailAddress[], max: number) => {
    const taken: MailAddress[] = [];
    for (const { name, address } of list) {
      const canonical = canonicalAddress(address);
      if (canonical === null || seen.has(canonical) || own.has(canonical) || taken.length === max) continue;
      seen.add(canonical);
      taken.push({ name: cleanName(name), address: canonical });
    }
    return taken;
  };
  const candidates = [origin?.replyTo ?? [], origin?.from ?? [], requester === null ? [] : [requester]];
  let to: MailAddress[] = [];
  for (const list of candidates) if (to.length === 0) to = take(list, maxTo);
  return { to, cc: take([...(origin?.to ?? []), ...(origin?.cc ?? [])], maxCc) };
}

/** The addresses of those who wrote, in canonical form: an answer goes to one of them. */
export function writersOf(
  origin: MailOrigin | null,
  requester: MailAddress | null,
  own: OwnAddresses,
): string[] {
  const people = [
    ...(origin?.from ?? []),
    ...(origin?.replyTo ?? []),
    ...(requester === null ? [] : [requester]),
  ];
  const known = people.map(({ address }) => canonicalAddress(address)).filter((address) => address !== null);
  return [...new Set(known)].filter((address) => !own.has(address));
}

/** A name that is itself an address would say another one than the mail goes to: it is left out. */
function cleanName(name: string | null): string | null {
  const clean = oneLine(name ?? "")
    .slice(0, 200)
    .toWellFormed();
  return clean === "" || clean.includes("@") ? null : clean;
}
