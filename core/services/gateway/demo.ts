/** The demo page, where a company asks for it. */
import type { Company } from "../../../config/types.ts";
import { type DemoAsset, demoAssets } from "../demo-page/assets.ts";
import { Problem } from "./problem.ts";
import type { Services } from "./services.ts";

/** The files of a company's demo page, made once: they are read and stripped of their types. */
function createAssets(): (company: Company, widgetInstance: string) => Map<string, DemoAsset> {
  let made: { key: string; assets: Map<string, DemoAsset> } | undefined;
  return (company, widgetInstance) => {
    const options = { companyId: company.id, companyName: company.name, widgetInstance };
    const key = JSON.stringify(options);
    if (made?.key !== key) made = { key, assets: demoAssets(options) };
    return made.assets;
  };
}

/** @returns the file at a path; throws Problem 404 where there is none, or no demo company with a widget */
export function serveDemo({ directory }: Services): (path: string) => Promise<DemoAsset> {
  const assetsOf = createAssets();
  return async (path) => {
    const company = directory.all().find(({ demo }) => demo);
    const widget = company && [...company.connectors.values()].find(({ spec }) => spec.name === "widget");
    const asset = company && widget && assetsOf(company, widget.instance).get(path);
    if (!asset) throw new Problem(404, { detail: "there is nothing at this address" });
    return asset;
  };
}
