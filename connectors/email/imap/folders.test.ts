import { expect, test } from "vitest";
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import { findSpecial, type MailFolder, resolveFolders } from "./folders.ts";

function folder(path: string, specialUse?: string, delimiter = "/"): MailFolder {
  return { path, delimiter, specialUse, selectable: !path.startsWith("[") || path.includes("/") };
}

const gmail = [
  folder("INBOX", "\\Inbox"),
  folder("[Gmail]"),
  folder("[Gmail]/Alle Nachrichten", "\\All"),
  folder("[Gmail]/Entwürfe", "\\Drafts"),
  folder("[Gmail]/Gesendet", "\\Sent"),
  folder("[Gmail]/Markiert", "\\Flagged"),
  folder("[Gmail]/Papierkorb", "\\Trash"),
  folder("[Gmail]/Spam", "\\Junk"),
  folder("Kunden"),
];

test("the server's word for a folder's use counts more than its name", () => {
  const folders = [folder("Drafts"), folder("Schubladen", "\\Drafts"), folder("INBOX")];
  expect(findSpecial(folders, "\\Drafts")?.path).toBe("Schubladen");
  expect(findSpecial(gmail, "\\Sent")?.path).toBe("[Gmail]/Gesendet");
});

test.each([
  ["Entwürfe", "\\Drafts"],
  ["INBOX.Drafts", "\\Drafts"],
  ["Черновики", "\\Drafts"],
  ["Gesendete Objekte", "\\Sent"],
  ["Отправленные", "\\Sent"],
  ["Entwu\u0308rfe", "\\Drafts"],
] as const)("%s is known by its name where the server says nothing", (name, use) => {
  expect(findSpecial([folder("INBOX", undefined, "."), folder(name, undefined, ".")], use)?.path).toBe(name);
});

test("a folder for something else is not taken for its name", () => {
  expect(findSpecial([folder("INBOX"), folder("Sent", "\\Archive")], "\\Sent")).toBeUndefined();
});

test("the sent mails come along, last, unless they are not wanted", () => {
  const read = ["INBOX"];
  expect(resolveFolders(gmail, { read }).folders).toEqual([
    { path: "INBOX", role: "inbox" },
    { path: "[Gmail]/Gesendet", role: "sent" },
  ]);
  expect(resolveFolders(gmail, { read, sent: null }).folders).toEqual([{ path: "INBOX", role: "inbox" }]);
  expect(resolveFolders(gmail, { read, sent: "Kunden" }).folders[1]).toEqual({
    path: "Kunden",
    role: "sent",
  });
});

test('"*" is every folder that customers\' mails may be in, INBOX first', () => {
  const { folders } = resolveFolders([...gmail].reverse(), { read: ["*"] });
  expect(folders.map(({ path }) => path)).toEqual(["INBOX", "Kunden", "[Gmail]/Gesendet"]);
});

test("names are found whatever the delimiter, and INBOX in any case", () => {
  const folders = [folder("INBOX", undefined, "."), folder("INBOX.Support.Größe", undefined, ".")];
  const { folders: found } = resolveFolders(folders, { read: ["inbox", "INBOX/Support/Größe"] });
  expect(found.map(({ path }) => path)).toEqual(["INBOX", "INBOX.Support.Größe"]);
});

test("a missing folder is an error that names the others; one that was there is left out", () => {
  expect(() => resolveFolders(gmail, { read: ["Kundne"] })).toThrow(ConnectorError);
  expect(() => resolveFolders(gmail, { read: ["Kundne"] })).toThrow(/no folder "Kundne".*Kunden/);
  const { folders, missing } = resolveFolders(
    gmail,
    { read: ["INBOX", "Old"], sent: null },
    (path) => path === "Old",
  );
  expect([folders.length, missing]).toEqual([1, ["Old"]]);
});
