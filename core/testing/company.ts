/** Companies for tests that need no config files. */
import { classifierSchema } from "../../config/classifier-schema.ts";
import { type CompanyDirectory, createCompanyDirectory } from "../../config/directory.ts";
import { drafterSchema } from "../../config/schema.ts";
import type { Company, ConnectorInstance } from "../../config/types.ts";
import type { AnyConnector } from "../../plugins/contract/connector.ts";

/** @param digest another one makes the connector a changed one */
export function testInstance(
  instance: string,
  spec: AnyConnector,
  config: unknown = {},
  digest = "1",
): ConnectorInstance {
  return { instance, plugin: instance, spec, config, digest };
}

export function testCompany(id: string, connectors: ConnectorInstance[] = []): Company {
  return {
    id,
    file: `/nowhere/${id}.yaml`,
    name: `Company ${id}`,
    demo: false,
    keys: [],
    drafter: drafterSchema.parse({}),
    classifier: classifierSchema.parse({}),
    knowledgeDir: "/nowhere",
    macrosDir: "/nowhere",
    connectors: new Map(connectors.map((connector) => [connector.instance, connector])),
    digest: JSON.stringify(connectors.map(({ digest }) => digest)),
    sharedDigest: JSON.stringify(connectors.map(({ digest }) => digest)),
  };
}

export function testDirectory(...companies: Company[]): CompanyDirectory {
  return createCompanyDirectory({ companies: new Map(companies.map((company) => [company.id, company])) });
}
