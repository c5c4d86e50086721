/**
 * Installs what npm's next script needs, where something is missing: `node core/cli/install.mjs start|test`.
 * Plain JavaScript for Node 20, since it runs before anything is installed.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  readFileSync,
  realpathSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

const oldestNode = 20;
/** What the hub itself needs; it comes by npm as node_modules/.bin/node. */
const neededNode = 24;

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const modules = join(root, "node_modules");
/** What was found out after the last install. It lies in node_modules, so `npm ci` removes it too. */
const notesPath = join(modules, ".deskwire-install.json");

class Problem extends Error {}

/** @param {string} path */
function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ENOTDIR" || error instanceof SyntaxError) return undefined;
    throw new Problem(`Cannot read ${path}: ${error.message}`);
  }
}

/** Whether a package's `os`, `cpu` or `libc` field, a name or a list with `!` for exclusions, admits `actual`. */
function admits(field, actual) {
  const list = [field ?? []].flat();
  const wanted = list.filter((item) => !item.startsWith("!"));
  return (
    !list.includes(`!${actual}`) && (wanted.length === 0 || wanted.includes("any") || wanted.includes(actual))
  );
}

function libc() {
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime ? "glibc" : "musl";
}

function fitsHere(entry) {
  return (
    admits(entry.os, process.platform) &&
    admits(entry.cpu, process.arch) &&
    (entry.libc === undefined || process.platform !== "linux" || admits(entry.libc, libc()))
  );
}

/** Where Node would find `name` from the package at `path`, both as the lock file names them. */
function resolveIn(packages, path, name) {
  for (let at = path; ; at = at.slice(0, Math.max(at.lastIndexOf("/node_modules/"), 0))) {
    const candidate = `${at}${at && "/"}node_modules/${name}`;
    if (packages[candidate]) return candidate;
    if (at === "") return undefined;
  }
}

/** What must be installed here: all that the root's dependencies lead to, but for optional packages of other systems. */
function neededPackages(packages, mode) {
  const found = new Set([""]);
  for (const path of found) {
    const entry = packages[path] ?? {};
    const isOptionalPeer = (name) => entry.peerDependenciesMeta?.[name]?.optional;
    const names = [
      ...Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }),
      ...Object.keys((path === "" && mode === "test" && entry.devDependencies) || {}),
      ...Object.keys(entry.peerDependencies ?? {}).filter((name) => !isOptionalPeer(name)),
    ];
    for (const name of names) {
      const at = resolveIn(packages, path, name);
      if (at && (!isOptional(packages[at]) || fitsHere(packages[at]))) found.add(at);
    }
  }
  found.delete("");
  return [...found];
}

function isOptional(entry) {
  return Boolean(entry.optional || entry.devOptional);
}

/** The needed packages that are not there at the lock file's version, as paths below the root. */
function missingPackages(packages, installed, mode) {
  return neededPackages(packages, mode).filter(
    (path) =>
      !packages[path].link &&
      (installed[path]?.version !== packages[path].version || !existsSync(join(root, path, "package.json"))),
  );
}

function major(version) {
  return Number.parseInt(version, 10);
}

function isInside(path) {
  return path.startsWith(modules + sep);
}

/** The command for npm: the one that called us, run by a Node that `npm ci` will not remove on the way. */
function npmCommand() {
  const script = process.env.npm_execpath ?? "";
  const isNpm = /npm-cli\.[cm]?js$/.test(script) && existsSync(script);
  const nodes = [process.env.npm_node_execpath, process.execPath].filter((path) => path && existsSync(path));
  const node = nodes.map((path) => realpathSync(path)).find((path) => !isInside(path));
  return isNpm && node ? [node, script] : ["npm"];
}

/** Our environment without node_modules/.bin in PATH, as that Node vanishes during the install. */
function environment() {
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.startsWith(modules));
  return { ...process.env, PATH: path.join(delimiter) };
}

/** Runs npm and answers with its exit status and what it printed. */
function runNpm(args) {
  const [command, ...first] = npmCommand();
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...first, ...args], {
      cwd: root,
      env: environment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output = (output + text).slice(-20_000);
      });
    }
    child.on("error", (error) => {
      const reason = error.code === "ENOENT" ? "npm was not found" : `npm cannot be run (${error.message})`;
      reject(
        new Problem(
          `${reason}. Install Node ${neededNode} with npm from https://nodejs.org, then try again.`,
        ),
      );
    });
    child.on("close", (status, signal) => resolve({ status: status ?? signal, output: output.trim() }));
  });
}

/** npm's own words about what went wrong, without warnings and without its manual. */
function essence(output) {
  const errors = output.split("\n").filter((line) => line.startsWith("npm error"));
  const manual = errors.indexOf("npm error Clean install a project");
  return (errors.length === 0 ? output : errors.slice(0, manual < 0 ? 20 : manual).join("\n")).trim();
}

function adviceFor(output) {
  if (/ in sync/.test(output))
    return "package.json and package-lock.json disagree: npm install brings them together.";
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|network|offline/i.test(output)) {
    return "npm could not reach its registry. Check the network, and npm's proxy and registry settings (npm config list).";
  }
  if (/ENOSPC/.test(output)) return "The disk is full.";
  if (/EACCES|EPERM|EROFS/.test(output))
    return `npm may not write to ${root} or to its cache. Run it as their owner.`;
  return "See npm's message above.";
}

function assertWritable() {
  for (const folder of [root, modules]) {
    if (!existsSync(folder)) continue;
    try {
      accessSync(folder, constants.W_OK);
    } catch {
      throw new Problem(
        `Packages are missing, and ${folder} is read-only for this user. Run "npm ci" there as its owner, then try again.`,
      );
    }
  }
}

async function install(missing, mode, installed) {
  assertWritable();
  // `npm ci` starts over, so whoever has the tools for tests keeps them.
  const withDev = mode === "test" || Object.values(installed).some((entry) => entry.dev);
  const names = missing.map((path) => path.replace(/^.*node_modules\//, ""));
  const what = names.length > 3 ? `${names.length} packages` : names.join(", ");
  console.log(`Installing with npm ci: ${what} missing or out of date. This takes a minute.`);
  const { status, output } = await runNpm([
    "ci",
    withDev ? "--include=dev" : "--omit=dev",
    "--include=optional",
  ]);
  if (status !== 0)
    throw new Problem(`${essence(output)}\n\nnpm ci failed (${status}). ${adviceFor(output)}`);
}

/** Whether the Node that npm has brought runs here: it needs glibc. Undefined where none was brought. */
function broughtNode() {
  const path = join(modules, ".bin", "node");
  if (!existsSync(path)) return undefined;
  const result = spawnSync(path, ["--version"], { encoding: "utf8" });
  if (result.status === 0) return result.stdout.trim().replace(/^v/, "");
  // Left in place, it would shadow the system's Node in every npm script.
  unlinkSync(path);
  return undefined;
}

function assertNode(version) {
  if (version && major(version) >= neededNode) return;
  if (major(process.versions.node) >= neededNode && !isInside(process.execPath)) return;
  throw new Problem(
    `Deskwire needs Node ${neededNode}, and npm has none for this system (${process.platform}-${process.arch}); this is ` +
      `Node ${process.versions.node}. Install Node ${neededNode} or newer from https://nodejs.org, then try again.`,
  );
}

function writeNotes(notes) {
  try {
    writeFileSync(notesPath, JSON.stringify(notes));
  } catch (error) {
    // Without the notes, the next call only takes a little longer.
    if (!["EACCES", "EPERM", "EROFS", "ENOENT"].includes(error.code)) throw error;
  }
}

async function main(mode) {
  if (mode !== "start" && mode !== "test") throw new Problem("Usage: node core/cli/install.mjs start|test");
  if (major(process.versions.node) < oldestNode) {
    throw new Problem(
      `This is Node ${process.versions.node}; Deskwire needs Node ${oldestNode} or newer. See https://nodejs.org`,
    );
  }
  const lock = readJson(join(root, "package-lock.json"));
  if (!lock?.packages)
    throw new Problem(`${join(root, "package-lock.json")} is missing or damaged. Check it out again.`);
  const installed = () => readJson(join(modules, ".package-lock.json"))?.packages ?? {};
  const missing = () => missingPackages(lock.packages, installed(), mode);
  let notes = readJson(notesPath);
  // What npm left out before, it would leave out again.
  const toInstall = missing().filter((path) => !notes?.absent.includes(path));
  if (toInstall.length > 0) {
    await install(toInstall, mode, installed());
    notes = undefined;
  }
  if (notes === undefined) {
    const absent = missing();
    const lost = absent.filter((path) => !isOptional(lock.packages[path]));
    if (lost.length > 0)
      throw new Problem(`npm ci left packages out: ${lost.join(", ")}. Run "npm ci" to see why.`);
    notes = { absent, node: broughtNode() };
    writeNotes(notes);
  }
  assertNode(existsSync(join(modules, ".bin", "node")) ? notes.node : undefined);
}

main(process.argv[2]).catch((error) => {
  console.error(error instanceof Problem ? `\n${error.message}\n` : error);
  process.exitCode = 1;
});
