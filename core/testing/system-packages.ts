/** Programs that tests need and npm does not bring: installed on Debian where we may, else named as the reason of a skip. */
import { spawn } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { describe, test } from "vitest";

interface SystemProgram {
  /** Where it may lie, the best first. */
  readonly paths: readonly string[];
  /** Debian's packages for it. */
  readonly packages: readonly string[];
  /** Of no use to other users. */
  readonly asRoot?: true;
}

const programs = {
  chromium: {
    paths: [
      "/usr/bin/chromium",
      "/usr/bin/chromium-browser",
      "/usr/bin/google-chrome",
      "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
      "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ],
    // The browser is content with any font; this one has Cyrillic.
    packages: ["chromium", "fonts-dejavu-core"],
  },
  nats: {
    paths: [
      "/usr/sbin/nats-server",
      "/usr/bin/nats-server",
      "/usr/local/bin/nats-server",
      "/opt/homebrew/bin/nats-server",
    ],
    packages: ["nats-server"],
  },
  dovecot: { paths: ["/usr/sbin/dovecot"], packages: ["dovecot-imapd"] },
  ip: { paths: ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"], packages: ["iproute2"], asRoot: true },
} as const satisfies Record<string, SystemProgram>;

export type ProgramName = keyof typeof programs;

/** Where the program lies, or undefined where it is missing. */
export function findProgram(name: ProgramName): string | undefined {
  return programs[name].paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export function missingPrograms(): ProgramName[] {
  return (Object.keys(programs) as ProgramName[]).filter((name) => findProgram(name) === undefined);
}

/**
 * `describe` for tests that need a program: `body` gets its path. Where it is missing, one skipped test says which package
 * to install; `.ci/run` counts that as a failure.
 */
export function describeWith(name: ProgramName, title: string, body: (path: string) => void): void {
  const path = findProgram(name);
  const { packages, asRoot }: SystemProgram = programs[name];
  const mayUse = !asRoot || process.getuid?.() === 0;
  if (path !== undefined && mayUse) {
    describe(title, () => body(path));
    return;
  }
  const reason = mayUse
    ? `needs Debian package ${packages[0]}`
    : `needs root, and Debian package ${packages[0]}`;
  console.warn(`skipped: ${title}: ${reason}`);
  describe(title, () => test.skip(reason, () => undefined));
}

/**
 * Installs the programs that are missing, as root on Debian; elsewhere does nothing. A failed installation is a warning, as
 * only some tests need them.
 *
 * @returns those that are still missing.
 */
export async function installMissingPrograms(log: (line: string) => void): Promise<ProgramName[]> {
  const missing = missingPrograms();
  if (missing.length === 0 || process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) return missing;
  const packages = missing.flatMap((name) => programs[name].packages);
  log(`installing Debian packages for the tests: ${packages.join(", ")}`);
  const failure =
    (await aptGet(["update"])) ??
    (await aptGet(["install", "--yes", "--no-install-recommends", ...packages]));
  if (failure !== undefined) log(`apt-get failed: ${failure}`);
  return missingPrograms();
}

/** Runs apt-get without questions. Answers with the end of its output where it fails. */
function aptGet(args: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn("apt-get", ["--quiet=2", "-o", "DPkg::Lock::Timeout=120", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(-1_000);
      });
    }
    child.on("error", (error) => resolve(error.message));
    child.on("close", (status) =>
      resolve(status === 0 ? undefined : output.trim() || `exit status ${status}`),
    );
  });
}
