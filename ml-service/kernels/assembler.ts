/** Makes bytes of WebAssembly text, from standard input to standard output. */
import { buffer } from "node:stream/consumers";
import openWabt from "wabt";

const [wabt, text] = await Promise.all([openWabt(), buffer(process.stdin)]);
const parsed = wabt.parseWat("kernels.wat", text, { simd: true });
process.stdout.write(parsed.toBinary({}).buffer);
