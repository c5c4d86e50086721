/** deskwire plan on a real mailbox: its mails as tickets, and not a flag of them changed. */
import { expect, test } from "vitest";
import { startDovecot } from "../testing/dovecot.ts";
import { makeHubProject, runDeskwire } from "../testing/hub.ts";
import { describeWith } from "../testing/system-packages.ts";

const shop = "shop@example.com";
const ann = "Ann <ann@example.com>";

function mail(id: string, from: string, to: string, text: string, more: string[] = []): string {
  const date = `Date: ${new Date().toUTCString()}`;
  const head = [`From: ${from}`, `To: ${to}`, `Message-ID: <${id}@example.com>`, date, ...more];
  return [...head, "Subject: Boots", "", text, ""].join("\r\n");
}
/** @param ids of the mails before it, oldest first */
const answers = (...ids: string[]) => [`References: ${ids.map((id) => `<${id}@example.com>`).join(" ")}`];

describeWith("dovecot", "a mailbox", () => {
  test("is read, counted and drafted for, and stays as it was", { timeout: 60_000 }, async () => {
    const dovecot = await startDovecot();
    const { remove, dir } = await makeHubProject({
      acme: `connectors:\n  support: ${JSON.stringify({
        plugin: "email",
        enabled: false,
        imap: { host: dovecot.host, port: dovecot.port, security: "none" },
        user: "shop",
        password: "secret",
        addresses: [shop],
      })}\n`,
    });
    try {
      await dovecot.addUser("shop", "secret");
      const inbox = [
        mail("a", ann, shop, "My boots are too small. Can I swap them?"),
        mail("c", ann, shop, "And how long does it take?", answers("a", "b")),
        mail("d", ann, shop, "I am away until Monday.", ["Auto-Submitted: auto-replied"]),
      ];
      for (const raw of inbox) await dovecot.append("shop", "INBOX", raw);
      const answer = mail("b", shop, ann, "Yes, send them back to us.", answers("a"));
      await dovecot.append("shop", "Sent", answer, { flags: ["\\Seen"] });
      const folders = ["INBOX", "Sent", "Drafts"];
      const look = () => Promise.all(folders.map((folder) => dovecot.list("shop", folder)));
      const before = await look();
      const { code, output } = await runDeskwire(dir, ["plan", "acme/support", "--last", "1"]);
      expect(output).toMatch(/ tickets +2\n/);
      expect(output).toMatch(/ customers' messages +3 /);
      expect(output).toMatch(/ wanting a draft +2 /);
      expect(output).toMatch(/ without a draft +1 {3}auto-submitted 1\n/);
      expect(output).toMatch(/ agents' replies +1\n/);
      expect(output).toMatch(/1\. .* UTC, Ann: Boots\n/);
      expect(output).toMatch(/draft by offline/);
      expect(code).toBe(0);
      expect(await look()).toEqual(before);
    } finally {
      await dovecot.stop();
      await remove();
    }
  });
});
