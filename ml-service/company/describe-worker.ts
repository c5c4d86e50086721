/** The thread in which the descriptions of very many labels are learnt. */
import { parentPort, workerData } from "node:worker_threads";
import { shippedVectors } from "../word-vectors.ts";
import type { DescribeJob } from "./describer.ts";
import { learnFromDescriptions } from "./learn.ts";

const { company, labels } = workerData as DescribeJob;
parentPort?.postMessage(learnFromDescriptions(company, labels, shippedVectors()));
