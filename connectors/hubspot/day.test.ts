/** A day in the life of a HubSpot account. */
import { testDay } from "../../core/testing/day/day-test.ts";
import { startHubspotDay } from "./testing/hubspot-day.ts";

testDay(startHubspotDay);
