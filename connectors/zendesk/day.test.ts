/** A day in the life of a Zendesk account. */
import { testDay } from "../../core/testing/day/day-test.ts";
import { startZendeskDay } from "./testing/zendesk-day.ts";

testDay(startZendeskDay);
