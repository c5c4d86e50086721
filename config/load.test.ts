import { chmod, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { readEnvironment } from "./load.ts";
import type { ConfigError } from "./mistakes.ts";
import { makeProject } from "./test-project.ts";

const acme = "name: Acme\n";

describe("a configuration that is right", () => {
  test("a company alone is enough: everything else has a default", async () => {
    const project = await makeProject({ "config/companies/acme.yaml": acme });
    const loaded = await project.load();
    expect(loaded.hub.http.port).toBe(3000);
    expect(loaded.roles).toEqual(["api", "connectors", "pipeline", "ml"]);
    expect(loaded.stateDir).toBe(join(project.dir, ".deskwire"));
    const company = loaded.companies.get("acme");
    expect(company).toMatchObject({ id: "acme", name: "Acme", demo: false, keys: [] });
    expect(company?.knowledgeDir).toBe(join(project.dir, "config/companies/acme/knowledge"));
    expect(company?.drafter).toEqual(loaded.hub.drafter);
  });

  test("connectors are found, checked by their own schema, and left out where disabled", async () => {
    const project = await makeProject({
      "config/companies/acme.yaml":
        "name: Acme\nconnectors:\n  site:\n    plugin: chat\n    origins: [https://acme.example]\n    sessionKey: ${env:CHAT_KEY}\n" +
        "  mail:\n  old:\n    plugin: no-longer-there\n    enabled: false\n    token: ${env:GONE}\n",
    });
    const loaded = await project.load({ env: { CHAT_KEY: "a-long-session-key" } });
    const connectors = loaded.companies.get("acme")?.connectors;
    expect([...(connectors?.keys() ?? [])]).toEqual(["site", "mail"]);
    expect(connectors?.get("site")).toMatchObject({
      instance: "site",
      plugin: "chat",
      spec: { name: "chat" },
    });
    expect(connectors?.get("mail")?.config).toEqual({ host: "mail.example", port: 993, tls: true });
  });

  test("a disabled connector is checked and loaded as if it were enabled where it is asked for", async () => {
    const off = (port: string) =>
      `name: A\nconnectors:\n  mail:\n    enabled: false\n    port: ${port}\n  old:\n    enabled: false\n`;
    const project = await makeProject({
      "config/companies/acme.yaml": off("143"),
      "config/companies/beta.yaml": off("143"),
    });
    const enable = { company: "acme", connector: "mail" };
    const { companies } = await project.load({ enable });
    expect([...(companies.get("acme")?.connectors.keys() ?? [])]).toEqual(["mail"]);
    expect(companies.get("acme")?.connectors.get("mail")?.config).toMatchObject({ port: 143 });
    expect(companies.get("beta")?.connectors.size).toBe(0);
    await project.write("config/companies/acme.yaml", off("many"));
    expect(await project.mistakes({ enable })).toEqual([
      expect.stringMatching(/acme\.yaml:5: connectors\.mail\.port/),
    ]);
  });

  test("a hub.yaml of comments only, and sections with nothing under them, leave the defaults", async () => {
    const project = await makeProject({
      "config/hub.yaml": "# nothing yet\n",
      "config/companies/acme.yaml": `${acme}connectors:\nkeys:\ndrafter:\n`,
    });
    const loaded = await project.load();
    expect(loaded.companies.get("acme")?.connectors.size).toBe(0);
    await project.write("config/hub.yaml", "http:\ndatabase:\n  # url:\n");
    expect((await project.load()).hub.http.host).toBe("127.0.0.1");
  });

  test("a number or true/false may come out of a reference", async () => {
    const project = await makeProject({
      "config/hub.yaml": "http:\n  port: ${env:PORT}\n",
      "config/companies/acme.yaml": `${acme}connectors:\n  mail:\n    tls: \${env:TLS}\n    password: \${env:PASSWORD}\n`,
    });
    const loaded = await project.load({ env: { PORT: "8080", TLS: "false", PASSWORD: "12345" } });
    expect(loaded.hub.http.port).toBe(8080);
    const config = loaded.companies.get("acme")?.connectors.get("mail")?.config as {
      tls: boolean;
      password: { reveal(): string };
    };
    expect(config.tls).toBe(false);
    expect(config.password.reveal()).toBe("12345");
  });

  test("the company's digest changes with settings, secrets and articles, and only then", async () => {
    const project = await makeProject({
      "config/companies/acme.yaml": `${acme}connectors:\n  mail:\n    password: \${file:../password}\n`,
      "config/password": "one\n",
      "config/companies/acme/knowledge/returns.md": "# Returns\n30 days\n",
    });
    const look = async () => {
      const company = (await project.load()).companies.get("acme");
      return [company?.digest, company?.connectors.get("mail")?.digest];
    };
    const first = await look();
    expect(await look()).toEqual(first);
    await project.write("config/companies/acme/knowledge/returns.md", "# Returns\n14 days\n");
    const second = await look();
    expect(second[0]).not.toBe(first[0]);
    expect(second[1]).toBe(first[1]);
    await project.write("config/password", "two\n");
    expect((await look())[1]).not.toBe(first[1]);
  });
});

describe("the environment", () => {
  test("takes the place of settings, and is checked like them", async () => {
    const project = await makeProject({
      "config/hub.yaml": "http:\n  port: 4000\n",
      "config/companies/acme.yaml": acme,
    });
    const loaded = await project.load({
      env: {
        DESKWIRE_HTTP_PORT: "0",
        DESKWIRE_HTTP_HOST: "0.0.0.0",
        DESKWIRE_DATABASE_URL: "postgres://u:pw-in-env@db/x",
        DESKWIRE_LOG_LEVEL: "debug",
        DESKWIRE_STATE_DIR: "state",
        DESKWIRE_NATS_URL: "nats://a:4222,nats://b:4222",
        DESKWIRE_NATS_TOKEN: "token-in-env",
        DESKWIRE_ROLES: "ml, api",
      },
    });
    expect(loaded.hub.nats.url).toBe("nats://a:4222,nats://b:4222");
    expect(loaded.hub.nats.token?.reveal()).toBe("token-in-env");
    expect(loaded.hub.http).toMatchObject({ port: 0, host: "0.0.0.0" });
    expect(loaded.hub.database.url?.reveal()).toBe("postgres://u:pw-in-env@db/x");
    expect(loaded.hub.log.level).toBe("debug");
    expect(loaded.stateDir).toBe(join(project.dir, "state"));
    expect(loaded.roles).toEqual(["api", "ml"]);
    expect(loaded.warnings).toEqual([]);
  });

  test("an encoder's files are found beside hub.yaml, and what it must have is told", async () => {
    const encoder = (fields: string) => `classifier:\n  encoder:\n${fields}`;
    const project = await makeProject({
      "config/hub.yaml": encoder("    model: e5/model.onnx\n    tokenizer: /srv/e5/tokenizer.json\n"),
      "config/companies/acme.yaml": acme,
    });
    expect((await project.load()).hub.classifier.encoder).toEqual({
      model: join(project.dir, "config/e5/model.onnx"),
      tokenizer: "/srv/e5/tokenizer.json",
      providers: ["cpu"],
      maxTokens: 128,
      pooling: "mean",
      waitMs: 5,
      queue: 1_024,
    });
    await project.write("config/hub.yaml", encoder("    model: e5/model.onnx\n    providers: [gpu]\n"));
    expect(await project.mistakes()).toEqual([
      expect.stringMatching(/^config\/hub.yaml:\d: classifier.encoder.tokenizer: expected/),
      expect.stringMatching(/^config\/hub.yaml:4: classifier.encoder.providers.*: expected/),
    ]);
  });

  test("a node that leaves roles to others needs NATS, and all but a classifier need a database beside it", async () => {
    const project = await makeProject({ "config/companies/acme.yaml": acme });
    const mistakes = (env: Record<string, string>) => project.mistakes({ env });
    expect(await mistakes({ DESKWIRE_ROLES: "api,connectors" })).toEqual([
      expect.stringMatching(
        /^environment: DESKWIRE_ROLES: expected nats.url .* leaves pipeline, ml to others/,
      ),
    ]);
    const nats = { DESKWIRE_NATS_URL: "nats://a:4222" };
    for (const roles of ["api", ""]) {
      expect(await mistakes({ ...nats, DESKWIRE_ROLES: roles })).toEqual([
        expect.stringMatching(/database\.url: expected database\.url .* nodes share one/),
      ]);
    }
    // It gets texts and gives labels: no company's file is read, and no secret in it needed.
    await project.write("config/companies/acme.yaml", "name: [broken");
    const loaded = await project.load({ env: { ...nats, DESKWIRE_ROLES: "ml" } });
    expect([loaded.roles, loaded.companies.size]).toEqual([["ml"], 0]);
  });

  test("nodes with the same files and secrets have the same digest of a company, wherever these lie", async () => {
    const files = (password: string, article: string) => ({
      "config/companies/acme.yaml": `${acme}connectors:\n  mail:\n    password: \${file:../password}\n`,
      "config/password": password,
      "config/companies/acme/knowledge/returns.md": article,
    });
    const look = async (...given: Parameters<typeof files>) =>
      (await (await makeProject(files(...given))).load()).companies.get("acme");
    const [first, same, otherSecret, otherArticle] = [
      await look("one\n", "# Returns\n30 days\n"),
      await look("one\n", "# Returns\n30 days\n"),
      await look("two\n", "# Returns\n30 days\n"),
      await look("one\n", "# Returns\n14 days\n"),
    ];
    expect(same?.sharedDigest).toBe(first?.sharedDigest);
    expect(otherSecret?.sharedDigest).not.toBe(first?.sharedDigest);
    expect(otherArticle?.sharedDigest).not.toBe(first?.sharedDigest);
  });

  test("its mistakes name the variable", async () => {
    const project = await makeProject({ "config/companies/acme.yaml": acme });
    const env = { DESKWIRE_HTTP_PORT: "eighty", DESKWIRE_LOG_LEVEL: "loud", DESKWIRE_ROLES: "api,pipelne" };
    expect(await project.mistakes({ env })).toEqual([
      'environment: DESKWIRE_HTTP_PORT: expected a number, got "eighty"',
      'environment: DESKWIRE_LOG_LEVEL: expected one of error, warn, info, debug, got "loud"',
      'environment: DESKWIRE_ROLES: expected roles out of api, connectors, pipeline, ml, got "pipelne"; did you mean "pipeline"?',
    ]);
  });

  test("DESKWIRE_CONFIG_DIR names another folder of settings", async () => {
    const project = await makeProject({ "elsewhere/companies/acme.yaml": acme });
    expect((await project.load({ env: { DESKWIRE_CONFIG_DIR: "elsewhere" } })).companies.size).toBe(1);
  });

  test("it is the process's own where none is given", () => {
    expect(readEnvironment().all).toBe(process.env);
  });
});

describe("the state folder", () => {
  test("hub.yaml may name it, relative to itself; root has one outside its home", async () => {
    const project = await makeProject({ "config/companies/acme.yaml": acme });
    expect((await project.load({ isRoot: true })).stateDir).toMatch(
      /^\/var\/lib\/deskwire\/deskwire-config-\w+-[0-9a-f]{8}$/,
    );
    await project.write("config/hub.yaml", "stateDir: ../data\n");
    expect((await project.load({ isRoot: true })).stateDir).toBe(join(project.dir, "data"));
    await project.write("config/hub.yaml", "stateDir: ${generated:folder}\n");
    expect(await project.mistakes()).toEqual([
      expect.stringContaining("config/hub.yaml:1: stateDir: expected ${env:NAME} or ${file:PATH}"),
    ]);
  });
});

describe("mistakes", () => {
  test("five mistakes in three files are five lines, with the right numbers", async () => {
    const project = await makeProject({
      "config/hub.yaml": "http:\n  host: 127.0.0.1\n  port: 99999\npipelin:\n  attempts: 3\n",
      "config/companies/acme.yaml":
        "# Acme\nname: Acme\n\nconnectors:\n  chat:\n    # where the widget stands\n    origins:\n      - https://a.example\n      - shop.example\n    sessionKey: ${env:CHAT_KEY}\n",
      "config/companies/beta.yaml": "demo: true\nkeys:\n  main: a-secret-long-enough\n",
    });
    expect(await project.mistakes()).toEqual([
      'config/companies/acme.yaml:9: connectors.chat.origins[1]: expected an origin such as https://shop.example, got "shop.example"',
      "config/companies/acme.yaml:10: connectors.chat.sessionKey: expected the environment variable CHAT_KEY, which is not set",
      "config/companies/beta.yaml:1: name: expected text, found nothing",
      "config/hub.yaml:3: http.port: expected a number of 65535 at most, got 99999",
      'config/hub.yaml:4: pipelin: there is no such field; did you mean "pipeline"?',
    ]);
  });

  test("a missing field points at its parent, a wrong name at itself", async () => {
    const project = await makeProject({
      "config/companies/acme.yaml":
        "name: Acme\nconnectors:\n  chat:\n    orgins: []\n    sessionKey: 5\nkeys:\n  Main Key: 0123456789abcdef\n",
    });
    expect(await project.mistakes()).toEqual([
      "config/companies/acme.yaml:3: connectors.chat.origins: expected a list, found nothing",
      'config/companies/acme.yaml:4: connectors.chat.orgins: there is no such field; did you mean "origins"?',
      "config/companies/acme.yaml:5: connectors.chat.sessionKey: expected a secret, such as ${env:NAME} or ${file:PATH}, got [secret]",
      'config/companies/acme.yaml:7: keys["Main Key"]: expected a name of a-z, 0-9 and - (40 characters at most)',
    ]);
  });

  test("a plugin that cannot be loaded is told at its line", async () => {
    const project = await makeProject({
      "config/companies/acme.yaml":
        "name: Acme\nconnectors:\n  chta: {}\n  own:\n    enabled: true\n    plugin: ./plugins/own\n",
    });
    expect(await project.mistakes()).toEqual([
      expect.stringMatching(
        /^config\/companies\/acme.yaml:3: connectors.chta: there is no plugin "chta".*did you mean "chat"\?$/,
      ),
      expect.stringMatching(
        /^config\/companies\/acme.yaml:6: connectors.own.plugin: the plugin ".\/plugins\/own" is not there/,
      ),
    ]);
  });

  test.each([
    ["name: Acme\nname: Beta\n", ":2: name: this name is there already"],
    ["name: Acme\nkeys:\n\tmain: x\n", ":3: expected spaces, got a tab"],
    ['name: "Acme\n', ":2: expected a closing quote"],
    ["", ":1: expected settings"],
    ["# only a comment\n", ":1: expected settings"],
    ["- name: Acme\n", ':1: expected settings (lines of "name: value"), got a list'],
    ["just text\n", ':1: expected settings (lines of "name: value"), got a single value'],
    ["name: Acme\n---\nname: Beta\n", ":2: expected one document"],
    ["name: @acme\n", ":1: expected a value; one that starts with @"],
    ["name: [a, b]\n", ":1: name: expected text, got a list"],
    ["name: Acme\nconnectors: 5\n", ':2: connectors: expected settings (lines of "name: value"), got 5'],
  ])("YAML %j: %s", async (text, expected) => {
    const project = await makeProject({ "config/companies/acme.yaml": text });
    const lines = await project.mistakes();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`config/companies/acme.yaml${expected}`);
  });

  test("a file that is not UTF-8 is told with the line", async () => {
    const project = await makeProject({
      "config/companies/acme.yaml": Buffer.from("name: Acme\n# \xe9\n", "latin1"),
    });
    expect(await project.mistakes()).toEqual([
      "config/companies/acme.yaml:2: expected UTF-8 text, got other bytes; save the file as UTF-8",
    ]);
  });

  test("an alias bomb is refused", async () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `l${i + 1}: &l${i + 1} [${Array(10).fill(`*l${i}`).join(", ")}]`,
    );
    const project = await makeProject({
      "config/companies/acme.yaml": `name: Acme\nl0: &l0 [x]\n${levels.join("\n")}\n`,
    });
    expect(await project.mistakes()).toEqual([expect.stringContaining("expected fewer aliases")]);
  });

  test("no companies, a wrong ending and a wrong file name are mistakes", async () => {
    const project = await makeProject({ "config/hub.yaml": "log:\n  level: info\n" });
    expect(await project.mistakes()).toEqual([
      expect.stringMatching(/^config\/companies: expected this folder/),
    ]);
    await project.write("config/companies/README.md", "here");
    expect(await project.mistakes()).toEqual([
      expect.stringMatching(/^config\/companies: expected a file such as acme.yaml/),
    ]);
    await project.write("config/companies/acme.yml", acme);
    await project.write("config/companies/Beta Ltd.yaml", acme);
    expect(await project.mistakes()).toEqual([
      "config/companies/acme.yml: expected the ending .yaml: rename it to acme.yaml",
      expect.stringContaining("config/companies/Beta Ltd.yaml: expected a file name of a-z"),
    ]);
  });

  test("two companies with one API key, or with the demo page, are mistakes", async () => {
    const project = await makeProject({
      "config/companies/acme.yaml": "name: Acme\ndemo: true\nkeys:\n  main: ${env:KEY}\n",
      "config/companies/beta.yaml": "name: Beta\ndemo: true\nkeys:\n  other: ${env:KEY}\n",
    });
    expect(await project.mistakes({ env: { KEY: "0123456789abcdef" } })).toEqual([
      "config/companies/beta.yaml:2: demo: expected one company with a demo at most; acme has it already",
      "config/companies/beta.yaml:4: keys.other: expected a key of its own, got the same as keys.main of acme",
    ]);
  });

  test("a named folder of articles must be there", async () => {
    const project = await makeProject({
      "config/companies/acme.yaml": "name: Acme\nknowledge: ./articles\n",
    });
    expect(await project.mistakes()).toEqual([
      expect.stringMatching(/acme.yaml:2: knowledge: expected a folder/),
    ]);
  });
});

describe("secrets", () => {
  const hidden = "hush-0123456789-hush";

  test("they show neither in the result nor in a mistake, wherever they stand", async () => {
    const project = await makeProject({
      "config/hub.yaml": `database:\n  url: ${hidden}\ndrafter:\n  key: \${env:KEY}\n`,
      "config/companies/acme.yaml": `name: Acme\nkeys:\n  main: ${hidden}\n`,
    });
    const loaded = await project.load({ env: { KEY: hidden } });
    const everything =
      JSON.stringify([loaded, [...loaded.companies.values()]]) + inspect(loaded, { depth: 12 });
    expect(everything).not.toContain("hush");
    expect(loaded.companies.get("acme")?.keys[0]?.secret.reveal()).toBe(hidden);

    await project.write(
      "config/companies/acme.yaml",
      `name: Acme\nkeys: ${hidden}\nconnectors:\n  chat:\n    origins: ["\${env:KEY}"]\n    sessionKey: [${hidden}]\n  mail:\n    port: ${hidden}\n    password:\n      is: ${hidden}\n`,
    );
    await project.write(
      "config/companies/beta.yaml",
      `name: Beta\nkeys:\n  main: *${hidden}\n  other: "${hidden}\n`,
    );
    await project.write("config/companies/gamma.yaml", "name: Gamma\nkeys:\n  main: hush\n");
    try {
      await project.load({ env: { KEY: hidden } });
      expect.unreachable();
    } catch (error) {
      const shown = inspect(error, { depth: 12 }) + JSON.stringify(error) + (error as Error).message;
      // The port is no secret field: what was found there is shown.
      expect(shown.replaceAll(`got "${hidden}"`, "")).not.toContain("hush");
      expect((error as ConfigError).mistakes.length).toBeGreaterThanOrEqual(6);
    }
  });

  test("one in plain text is taken, with a warning at its line", async () => {
    const project = await makeProject({
      "config/companies/acme.yaml": `name: Acme\nkeys:\n  main: ${hidden}\nconnectors:\n  mail:\n    password: ${hidden}\n`,
    });
    const { warnings } = await project.load();
    expect(warnings).toMatchObject([
      { file: "config/companies/acme.yaml", line: 3, field: "keys.main" },
      { file: "config/companies/acme.yaml", line: 6, field: "connectors.mail.password" },
    ]);
    expect(JSON.stringify(warnings)).not.toContain("hush");
  });

  test("check makes no generated secrets, and load makes each once", async () => {
    const project = await makeProject({
      "config/companies/acme.yaml": "name: Acme\nkeys:\n  main: ${generated:acme-key}\n",
    });
    const looked = await project.load({ createSecrets: false });
    await expect(readdir(join(project.dir, ".deskwire"))).rejects.toThrow("ENOENT");
    const first = await project.load();
    const again = await project.load({ createSecrets: false });
    const key = first.companies.get("acme")?.keys[0]?.secret.reveal();
    expect(key).toMatch(/^dw_[\w-]{43}$/);
    expect(again.companies.get("acme")?.keys[0]?.secret.reveal()).toBe(key);
    expect(looked.companies.get("acme")?.keys[0]?.secret.reveal()).not.toBe(key);
    const file = join(project.dir, ".deskwire/secrets/acme-key");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readFile(file, "utf8")).trim()).toBe(key);
    expect(await readdir(join(project.dir, ".deskwire/secrets"))).toEqual(["acme-key"]);
    await project.write(".deskwire/secrets/acme-key", "");
    await chmod(file, 0o600);
    expect(await project.mistakes()).toEqual([
      expect.stringContaining("acme.yaml:3: keys.main: the generated secret"),
    ]);
  });
});
