/** Attachments that cannot be had: what that means for their message, and for all that comes after it. */
import { expect, test } from "vitest";
import type { Client } from "./client.ts";
import { openZendesk } from "./testing/harness.ts";

test("a file that is refused is not taken for refused credentials", async () => {
  const { fake, account, host, events } = await openZendesk();
  const reading = host.read();
  const file = account.fileOf("photo.png", "image/png", new Uint8Array(9));
  fake.fault = ({ path }) => (path.includes(file.token) ? 401 : null);
  account.customerWrites({ text: "See the photo", files: [file] });
  const [message] = await events("message", 1);
  expect(message?.sourceData).toEqual({ missingFiles: ["photo.png: its host answered 401"] });
  expect(reading.errors).toEqual([]);
});

test("refused credentials are not taken for a file that is refused", async () => {
  const { fake, account, host, events } = await openZendesk();
  const reading = host.read();
  const file = account.fileOf("photo.png", "image/png", new Uint8Array(9));
  let isRefused = false;
  fake.fault = ({ path }) => {
    isRefused ||= path.includes(file.token) && reading.errors.length === 0;
    return isRefused && reading.errors.length === 0 ? 401 : null;
  };
  account.customerWrites({ text: "See the photo", files: [file] });
  expect((await events("message", 1))[0]?.attachments).toHaveLength(1);
  expect(reading.errors[0]).toMatchObject({ kind: "auth" });
});

test.each([503, 429])(
  "a file that never comes (%i) is left out after a while, and its address is told nowhere",
  async (status) => {
    const { fake, account, host, events } = await openZendesk();
    const reading = host.read();
    const file = account.fileOf("photo.png", "image/png", new Uint8Array(9));
    fake.fault = ({ path }) => (path.includes(file.token) ? status : null);
    account.customerWrites({ text: "See the photo", files: [file] });
    const [message] = await events("message", 1);
    expect(message?.sourceData).toEqual({ missingFiles: [`photo.png: its host answered ${status}`] });
    expect(reading.errors.length).toBeGreaterThan(1);
    expect(reading.errors.map(String).join()).not.toContain(file.token);
  },
);

test("a file that is asked for again and again is loaded once", async () => {
  const { account, host } = await openZendesk();
  const client = (await host.client()) as Client;
  const file = new Uint8Array(30_000_000);
  for (let i = 0; i < 5; i++) client.remember("1/1", file);
  client.remember("2/1", file);
  expect([...client.files.keys()]).toEqual(["1/1", "2/1"]);
  expect(account.tickets.size).toBe(0);
});
