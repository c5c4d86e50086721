/** When each company's night falls: a quiet hour of this machine, not the same minute for all. */
import { hash } from "node:crypto";

/**
 * The last moment, up to now, at which a company was to be trained for the night.
 * @param hour 0 to 23, local time; within it, companies have different minutes
 */
export function lastNight(company: string, hour: number, now: Date): Date {
  const minute = Number.parseInt(hash("sha1", company).slice(0, 8), 16) % 60;
  const at = (daysAgo: number) =>
    new Date(now.getFullYear(), now.getMonth(), now.getDate() - daysAgo, hour, minute);
  const today = at(0);
  return today <= now ? today : at(1);
}
