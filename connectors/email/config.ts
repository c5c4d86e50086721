/** What an operator may set for a mailbox. */
import { z } from "zod";
import { storableText } from "../../plugins/contract/events.ts";
import { secret } from "../../plugins/contract/secret.ts";

const security = z
  .enum(["tls", "starttls", "none"])
  .default("tls")
  .describe(
    "tls from the first byte, or starttls (never less than that); none only where the line is private.",
  );

const host = z
  .string()
  .regex(/^[\p{L}\p{N}.:-]{1,253}$/u, "expected a host name, such as imap.example.com, without a port");

const address = z
  .email({ pattern: z.regexes.unicodeEmail, error: "expected an address, such as support@example.com" })
  .transform((value) => value.toLowerCase());

const login = storableText(320)
  .min(1)
  .describe("The name to sign in with, where it is another one than `user`.");

const imap = z.strictObject({
  host: host.describe("Such as imap.example.com."),
  port: z.int().min(1).max(65_535).optional().describe("Default: 993, or 143 with starttls or none."),
  security,
});

const smtp = z.strictObject({
  host: host.describe("Such as smtp.example.com."),
  port: z.int().min(1).max(65_535).optional().describe("Default: 465, or 587 with starttls or none."),
  security,
  user: login.optional(),
  password: secret().optional().describe("Where it is another one than the mailbox's."),
});

const oauth = z.strictObject({
  tokenUrl: z.url({ protocol: /^https?$/ }).describe("Such as https://oauth2.googleapis.com/token."),
  clientId: z.string().min(1).describe("The id of your own OAuth application."),
  clientSecret: secret().optional().describe("Its secret, where it has one."),
  refreshToken: secret().describe("What a person got by authorising the application for this mailbox."),
  scope: z.string().optional().describe("Where the provider asks for it, such as https://mail.google.com/."),
});

export const emailConfig = z
  .strictObject({
    imap: imap.describe("Where the mailbox is read, and drafts are put."),
    smtp: smtp.optional().describe("Needed to send: approved replies, and drafts by mail to the agents."),
    user: storableText(320).min(1).describe("The name to sign in with, most often the address itself."),
    password: secret().optional().describe("The mailbox's password, or an app password."),
    oauth: oauth.optional().describe("Instead of a password: XOAUTH2, for Gmail and Microsoft 365."),
    addresses: z
      .array(address)
      .max(100)
      .default([])
      .describe(
        "All addresses that this mailbox answers for; the first one is used where none was written to. Default: `user`.",
      ),
    displayName: storableText(200)
      .min(1)
      .optional()
      .describe("The name in From. Default: the company's name."),
    agents: z
      .array(
        z.union([
          address,
          z
            .string()
            .regex(/^@[^\s@]+$/)
            .transform((value) => value.toLowerCase()),
        ]),
      )
      .max(1_000)
      .default([])
      .describe(
        "Addresses (jane@example.com) or domains (@example.com) of your agents: their answers that come by mail with a copy to this mailbox count as replies, not as customers' messages.",
      ),
    folders: z
      .array(storableText(500).min(1))
      .min(1)
      .default(["INBOX"])
      .describe(
        'Folders that customers\' mails come to; "*" is every folder but Drafts, Sent, Junk and Trash.',
      ),
    sentFolder: storableText(500)
      .min(1)
      .optional()
      .describe("Default: the one that the server calls \\Sent."),
    draftsFolder: storableText(500)
      .min(1)
      .optional()
      .describe("Default: the one that the server calls \\Drafts."),
    drafts: z
      .enum(["mailbox", "agents", "api"])
      .default("mailbox")
      .describe(
        "Where drafts go: into the mailbox's Drafts folder; by mail to `agentsAddress`; or nowhere but the API, until a person approves them there.",
      ),
    agentsAddress: address.optional().describe("Where drafts are mailed to with `drafts: agents`."),
    signature: storableText(2_000).optional().describe("Stands below each draft."),
    timeZone: z
      .string()
      .refine((value) => Intl.supportedValuesOf("timeZone").includes(value) || value === "UTC", {
        error: "expected an IANA time zone, such as Europe/Berlin",
      })
      .optional()
      .describe("For the times above quoted mails. Default: this machine's."),
    ticketCode: z
      .boolean()
      .default(false)
      .describe(
        "Puts the ticket's code into the subject, such as [#3f9a1c22de], for mail programs that break threads.",
      ),
    saveSent: z
      .enum(["auto", "always", "never"])
      .default("auto")
      .describe(
        "Whether a copy of what is sent goes to the Sent folder; auto looks whether the server has done so itself.",
      ),
    pollSeconds: z
      .int()
      .min(5)
      .max(240)
      .default(30)
      .describe(
        "Seconds between two looks at all folders. New mail in the first folder is seen at once (IDLE).",
      ),
    resyncDays: z
      .int()
      .min(1)
      .max(3_650)
      .default(30)
      .describe(
        "Days of mail that are read again where the server has numbered a folder anew. Nothing is taken twice.",
      ),
    maxBytes: z
      .int()
      .min(10_000)
      .max(100_000_000)
      .default(40_000_000)
      .describe("The largest mail that is read, in bytes; of a larger one, only the header."),
    maxFiles: z.int().min(0).max(100).default(50).describe("The most files kept of one mail."),
    perSenderPerHour: z
      .int()
      .min(1)
      .max(10_000)
      .default(30)
      .describe(
        "Mails of one sender in an hour that get drafts; more are kept without, since two robots may be talking.",
      ),
  })
  .superRefine((config, ctx) => {
    const fault = (path: string, message: string) => ctx.addIssue({ code: "custom", path: [path], message });
    if (!config.password && !config.oauth) fault("password", "expected a password, or oauth");
    if (config.password && config.oauth) fault("oauth", "expected a password or oauth, not both");
    if (config.addresses.length === 0 && !address.safeParse(config.user).success) {
      fault("addresses", `expected the mailbox's address, since the user "${config.user}" is none`);
    }
    if (config.drafts === "agents" && !config.agentsAddress) {
      fault("agentsAddress", "expected an address to mail the drafts to, since drafts is agents");
    }
    if (config.drafts === "agents" && !config.smtp) fault("smtp", "needed to mail the drafts to the agents");
    if (
      config.drafts === "agents" &&
      config.agentsAddress &&
      addressesOf(config).includes(config.agentsAddress)
    ) {
      fault(
        "agentsAddress",
        "expected another address than the mailbox's own: its mails would come back as customers'",
      );
    }
  });

export type EmailConfig = z.output<typeof emailConfig>;

/** The addresses that the mailbox answers for, lower case, the default one first. */
export function addressesOf({ addresses, user }: Pick<EmailConfig, "addresses" | "user">): string[] {
  return addresses.length > 0 ? addresses : [user.toLowerCase()];
}
