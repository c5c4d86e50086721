/** Dates and times as mail programs write them into attribution lines, in English, Russian and German. */

const month =
  "(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez|янв|фев|мар|апр|мая|май|июн|июл|авг|сен|окт|ноя|дек)\\p{L}{0,9}\\.?";
const edge = "(?<![\\p{L}\\p{N}])";
const end = "(?![\\p{L}\\p{N}])";

const dates = [
  `${edge}\\d{1,4}[./-]\\d{1,2}[./-]\\d{2,4}${end}`,
  `${edge}\\d{1,2}(?:st|nd|rd|th|-го)?\\.? {0,3}(?:of )?${month},? {0,3}(?:\\d{4}${end})?(?: {0,2}(?:года|г\\.?)${end})?`,
  `${edge}${month} {1,3}\\d{1,2}(?:st|nd|rd|th)?${end},? {0,3}(?:\\d{4}${end})?`,
].join("|");

const times = `${edge}\\d{1,2}[:.]\\d{2}(?:[:.]\\d{2})?${end} {0,2}(?:[ap]\\.?m\\.?${end})?(?: {0,2}uhr${end})?`;

const zones = `(?:${edge}(?:GMT|UTC|MSK|CES?T|MES?Z|[ECMP][SD]T)${end})? ?[+-]\\d{2}:?\\d{2}${end}|\\((?:[A-Z]{2,5}|[+-]\\d{2}:?\\d{2})\\)|${edge}(?:GMT|UTC|MSK|CES?T|MES?Z|[ECMP][SD]T)${end}`;

const weekdays = `${edge}(?:mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag|mo|di|mi|do|fr|sa|so|понедельник|вторник|сред[аy]|четверг|пятниц[аy]|суббот[аy]|воскресенье|пн|вт|ср|чт|пт|сб|вс)${end}[.,]{0,2}`;

const datePattern = new RegExp(dates, "iu");
const timePattern = new RegExp(times, "iu");
const leadingDate = new RegExp(`^(?:${weekdays} {0,2}(?:dem |den |the )?)?(?:${dates})`, "iu");
const leadingWeekday = new RegExp(`^${weekdays} {0,2}(?:${dates}|${times})`, "iu");
const everyWhen = [
  new RegExp(weekdays, "giu"),
  new RegExp(dates, "giu"),
  new RegExp(times, "giu"),
  new RegExp(zones, "gu"),
];

export function hasDate(text: string): boolean {
  return datePattern.test(text);
}

/** Whether the text has a time of day that is not part of its date. */
export function hasTime(text: string): boolean {
  return timePattern.test(text.replace(datePattern, " "));
}

/** Whether the text begins with a date, or with a weekday before one. */
export function startsWithDate(text: string): boolean {
  return leadingDate.test(text) || leadingWeekday.test(text);
}

/** The text without its weekdays, dates, times and time zones. */
export function withoutDates(text: string): string {
  return everyWhen.reduce((rest, pattern) => rest.replace(pattern, " "), text);
}
