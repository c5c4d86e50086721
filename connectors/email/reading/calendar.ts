/** An invitation (iCalendar, RFC 5545) as lines for people: what, when, where, who. */
import { cut, manyLines } from "../../../plugins/toolkit/plain.ts";

interface Property {
  readonly name: string;
  readonly params: string;
  readonly value: string;
}

const maxEvents = 5;
const maxPeople = 20;

/** Lines about the first five events of a calendar; empty where there is none. */
export function calendarText(calendar: string): string {
  const lines = manyLines(calendar.slice(0, 500_000))
    .replace(/\n[ \t]/g, "")
    .split("\n");
  const properties = lines.flatMap(readProperty);
  const method = properties.find(({ name }) => name === "METHOD")?.value.toUpperCase() ?? "";
  const events: Property[][] = [];
  let inside = 0;
  for (const property of properties) {
    if (property.name === "BEGIN") {
      if (property.value.toUpperCase() === "VEVENT") events.push([]);
      else if (events.length > 0 && property.value.toUpperCase() === "VALARM") inside++;
    } else if (property.name === "END" && property.value.toUpperCase() === "VALARM")
      inside = Math.max(0, inside - 1);
    else if (inside === 0) events.at(-1)?.push(property);
  }
  return events
    .slice(0, maxEvents)
    .map((event) => eventText(event, method))
    .join("\n\n");
}

function readProperty(line: string): Property[] {
  const match = /^([A-Za-z-]{1,40})((?:;[^:"]*(?:"[^"]*"[^:"]*)*)?):(.*)$/.exec(line.slice(0, 10_000));
  return match
    ? [{ name: (match[1] ?? "").toUpperCase(), params: match[2] ?? "", value: (match[3] ?? "").trim() }]
    : [];
}

function eventText(event: readonly Property[], method: string): string {
  const find = (name: string) => event.find((property) => property.name === name);
  const start = find("DTSTART");
  const end = find("DTEND");
  const title =
    { CANCEL: "Cancelled", REPLY: "Answer to an invitation", REQUEST: "Invitation" }[method] ?? "Event";
  const people = event
    .filter(({ name }) => name === "ATTENDEE")
    .slice(0, maxPeople)
    .map(person);
  const organizer = find("ORGANIZER");
  const rows: (readonly [string, string])[] = [
    [title, unescaped(find("SUMMARY")?.value)],
    ["When", [time(start), time(end)].filter((part) => part !== "").join(" to ")],
    ["Where", unescaped(find("LOCATION")?.value)],
    ["Organizer", organizer ? person(organizer) : ""],
    ["Who", people.join(", ")],
    ["Details", cut(unescaped(find("DESCRIPTION")?.value), 5_000)],
  ];
  return rows
    .filter(([name, value]) => value !== "" || name === title)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");
}

function time(property: Property | undefined): string {
  if (!property) return "";
  const zone = /TZID="?([^";:]+)/i.exec(property.params)?.[1];
  const match = /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d*(Z?))?/.exec(property.value);
  if (!match) return property.value;
  const [, year, month, day, hour, minute, utc] = match;
  const clock = hour === undefined ? "" : ` ${hour}:${minute}${utc ? " UTC" : zone ? ` (${zone})` : ""}`;
  return `${year}-${month}-${day}${clock}`;
}

function person(property: Property): string {
  const name = /CN="?([^";:]+)/i.exec(property.params)?.[1]?.trim();
  const address = property.value.replace(/^mailto:/i, "");
  const answer = /PARTSTAT=(ACCEPTED|DECLINED|TENTATIVE)/i.exec(property.params)?.[1]?.toLowerCase();
  return `${name && name !== address ? `${name} <${address}>` : address}${answer ? ` (${answer})` : ""}`;
}

function unescaped(value: string | undefined): string {
  return (value ?? "")
    .replace(/\\([nN,;\\])/g, (_, sign: string) => (sign.toLowerCase() === "n" ? "\n" : sign))
    .trim();
}
