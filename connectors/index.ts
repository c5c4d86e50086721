/** The built-in connectors: the one place where they are registered. */
import type { AnyConnector } from "../plugins/contract/connector.ts";
import { api } from "./api/index.ts";
import { email } from "./email/index.ts";
import { hubspot } from "./hubspot/index.ts";
import { widget } from "./widget/index.ts";
import { zammad } from "./zammad/index.ts";
import { zendesk } from "./zendesk/index.ts";

/** By name, as a company's file names them. */
export const builtIn: Readonly<Record<string, AnyConnector>> = {
  api,
  email,
  hubspot,
  widget,
  zammad,
  zendesk,
};
