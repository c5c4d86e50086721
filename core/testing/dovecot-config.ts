/** The configuration of the Dovecot for tests: one folder, the loopback, users in a file, nothing of the system's own. */
import { execFileSync } from "node:child_process";
import { userInfo } from "node:os";
import { join } from "node:path";

/** Names of the special folders; the defaults are English. */
export interface FolderNames {
  readonly drafts: string;
  readonly sent: string;
  readonly junk: string;
  readonly trash: string;
}

export interface DovecotLayout {
  readonly dir: string;
  readonly port: number;
  /** Undefined without TLS; with it the plain port offers STARTTLS. */
  readonly tlsPort: number | undefined;
  readonly storage: "maildir" | "sdbox";
  readonly names: FolderNames;
  /** Whether the server says which folder is for drafts and so on. */
  readonly specialUse: boolean;
  /** Where Dovecot asks whether an access token is valid. */
  readonly tokenUrl: string;
  /** More settings, as lines of Dovecot's configuration. */
  readonly settings: string;
}

/** Where the mails of a user lie. */
export function homeOf(dir: string, user: string): string {
  return join(dir, "mail", user);
}

export function dovecotConfig(layout: DovecotLayout): string {
  const { dir } = layout;
  return `
base_dir = ${dir}/run
state_dir = ${dir}/state
log_path = ${dir}/dovecot.log
auth_verbose = yes
# Another instance on the same machine has another name.
instance_name = deskwire-${layout.port}
protocols = imap
listen = 127.0.0.1
${users(dir)}
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
first_valid_uid = 1
mail_fsync = never
mail_max_userip_connections = 50
mail_location = ${location(layout.storage)}
shutdown_clients = yes
${tls(layout)}
passdb {
  driver = oauth2
  mechanisms = xoauth2
  args = ${dir}/oauth2.conf
}
passdb {
  driver = passwd-file
  args = ${dir}/users/%u
}
service imap-login {
  # One process for all logins: starting one for each would be slow.
  service_count = 0
  ${rootless("chroot =")}
  inet_listener imap {
    port = ${layout.port}
  }
  inet_listener imaps {
    port = ${layout.tlsPort ?? 0}
    ssl = yes
  }
}
service anvil {
  ${rootless("chroot =")}
  # Without it wrong passwords slow down all later logins.
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
namespace inbox {
  inbox = yes
  separator = /
${specialFolders(layout)}
}
${layout.settings}
`;
}

/** How Dovecot asks about an access token: our server answers with the user that it was given to. */
export function oauth2Config(tokenUrl: string): string {
  return `tokeninfo_url = ${tokenUrl}?access_token=
username_attribute = username
active_attribute = active
active_value = true
`;
}

/** As root the mails belong to nobody; else everything runs as the user that we are. */
function users(dir: string): string {
  const { uid, gid, username } = userInfo();
  const [owner, group] = uid === 0 ? ["nobody", "nogroup"] : [uid, gid];
  const own = () => {
    const groupName = execFileSync("id", ["-gn"], { encoding: "utf8" }).trim();
    return [
      `default_internal_user = ${username}`,
      `default_login_user = ${username}`,
      `default_internal_group = ${groupName}`,
    ];
  };
  return `userdb {
  driver = static
  args = uid=${owner} gid=${group} home=${homeOf(dir, "%u")}
}
${uid === 0 ? "" : own().join("\n")}`;
}

function rootless(settings: string): string {
  return process.getuid?.() === 0 ? "" : settings;
}

/** Names on the disk are as they are in IMAP, so that a test can deliver into a folder. */
function location(storage: DovecotLayout["storage"]): string {
  return storage === "maildir" ? "maildir:~/Maildir:LAYOUT=fs:UTF-8:INBOX=~/Maildir/INBOX" : "sdbox:~/sdbox";
}

function tls({ dir, tlsPort }: DovecotLayout): string {
  if (tlsPort === undefined) return "ssl = no";
  return `ssl = yes\nssl_cert = <${dir}/cert.pem\nssl_key = <${dir}/key.pem`;
}

function specialFolders({ names, specialUse }: DovecotLayout): string {
  const uses = { drafts: "Drafts", sent: "Sent", junk: "Junk", trash: "Trash" } as const;
  return Object.entries(uses)
    .map(([key, use]) => {
      const name = names[key as keyof FolderNames];
      return `  mailbox "${name}" {\n    auto = create\n${specialUse ? `    special_use = \\${use}\n` : ""}  }`;
    })
    .join("\n");
}
