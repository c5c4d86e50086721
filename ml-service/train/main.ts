/** `npm run train`, in short for `deskwire train --default`. */
import { parseArgs } from "node:util";
import { trainDefault } from "./train-default.ts";

const { values } = parseArgs({ options: { data: { type: "string" }, out: { type: "string" } } });
trainDefault(values);
