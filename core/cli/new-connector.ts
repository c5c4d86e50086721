/** deskwire new-connector: a copy of the template, under a name of its own, that passes its tests as it is. */
import { lstat, mkdir, readdir, readFile, realpath, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { builtIn } from "../../connectors/index.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";

export interface NewConnectorOptions {
  name: string | undefined;
  /** The folder to make. Default: connectors/NAME where this is run in Deskwire's checkout, else NAME. */
  into: string | undefined;
  /** Where the command is run. */
  cwd: string;
  /** The folder that Deskwire lies in. */
  root: string;
}

const namePattern = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const maxName = 40;

const refuse = (message: string) => new ConnectorError("config", message);

function checkedName(name: string | undefined): string {
  if (name === undefined) throw refuse("say how the connector is called: deskwire new-connector NAME");
  if (!namePattern.test(name) || name.length > maxName) {
    const rules = `at most ${maxName} of a-z, 0-9 and single hyphens, a letter first, such as "shop-desk"`;
    throw refuse(`"${name}" is no name for a connector: expected ${rules}`);
  }
  if (Object.hasOwn(builtIn, name))
    throw refuse(`"${name}" is built in already (${Object.keys(builtIn).join(", ")}): choose another name`);
  return name;
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

async function ensureFree(folder: string): Promise<void> {
  const there = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return [];
    if (codeOf(error) === "ENOTDIR") throw refuse(`${folder} is a file: choose another folder with --into`);
    throw error;
  });
  if (there.length > 0) throw refuse(`${folder} is there already and not empty: nothing was written`);
}

/** Where the folder will lie, links followed: a part of the way that is not there yet lies in the last one that is. */
async function realPlace(folder: string): Promise<string> {
  return realpath(folder).catch(async (error: unknown) => {
    if (codeOf(error) !== "ENOENT" || dirname(folder) === folder) throw error;
    const isThere = await lstat(folder).then(
      () => true,
      () => false,
    );
    if (isThere) throw refuse(`${folder} is a link that leads nowhere: choose another folder with --into`);
    return join(await realPlace(dirname(folder)), basename(folder));
  });
}

const isWithin = (folder: string, root: string) => folder === root || folder.startsWith(root + sep);

const titleOf = (name: string) =>
  name.replace(/(^|-)([a-z0-9])/g, (_, gap, sign) => (gap && " ") + sign.toUpperCase());

/** A file of the template with the name put in, and imports as they are from the new place. */
function adapt(text: string, name: string, plugins: string, isInside: boolean): string {
  const own = text
    .replaceAll("template-desk", name)
    .replaceAll("Template Desk", titleOf(name))
    .replace(/from "\.\.\/(contract|toolkit|kit)\//g, `from "${plugins}/$1/`);
  // Outside of the checkout Node's own test runner is there without being installed.
  return isInside ? own : own.replace('from "vitest"', 'from "node:test"');
}

async function manifest(name: string, root: string): Promise<string> {
  const own = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const fields = {
    name: `deskwire-${name}`,
    private: true,
    type: "module",
    scripts: { test: "node --test" },
    dependencies: { deskwire: `file:${root}`, zod: own.dependencies.zod },
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}

function nextSteps(
  name: string,
  folder: string,
  isInside: boolean,
  { cwd, root }: NewConnectorOptions,
): string {
  const here = relative(cwd, folder) || ".";
  const tests = isInside ? `npx vitest run ${relative(root, folder)}` : "npm install && npm test";
  const first = isInside ? `run its tests in ${root}` : `run its tests in ${here}`;
  const plugin = isInside && dirname(folder) === join(root, "connectors") ? name : folder;
  const register = plugin === name ? [`register it in connectors/index.ts, beside the others`] : [];
  const steps = [
    `${first}: ${tests}`,
    `change it, in the order that ${join(here, "README.md")} says`,
    ...register,
    `enable it in a company's file, under connectors: ${name}: { plugin: ${plugin}, url: …, token: …, webhookSecret: … }`,
  ];
  return `${here} holds a connector that works, for a system that does not exist. Next:\n${steps.map((step, i) => `  ${i + 1}. ${step}\n`).join("")}`;
}

/**
 * Writes the folder and tells what to do next.
 * @returns the exit code
 * @throws ConnectorError of kind `config` for a name or folder that cannot be; then nothing is written
 */
export async function newConnector(options: NewConnectorOptions): Promise<number> {
  const { into, cwd } = options;
  const name = checkedName(options.name);
  const root = await realpath(options.root);
  const isRunInside = isWithin(await realpath(cwd), root);
  const folder =
    into === undefined ? join(isRunInside ? join(root, "connectors") : cwd, name) : resolve(cwd, into);
  await ensureFree(folder);
  const place = await realPlace(folder);
  const isInside = isWithin(place, root);
  const plugins = isInside ? relative(place, join(root, "plugins")).replaceAll(sep, "/") : "deskwire/plugins";
  const template = join(root, "plugins/template");
  await mkdir(folder, { recursive: true });
  for (const file of await readdir(template))
    await writeFile(
      join(folder, file),
      adapt(await readFile(join(template, file), "utf8"), name, plugins, isInside),
    );
  if (!isInside) await writeFile(join(folder, "package.json"), await manifest(name, root));
  process.stdout.write(nextSteps(name, isInside ? place : folder, isInside, { ...options, root }));
  return 0;
}
