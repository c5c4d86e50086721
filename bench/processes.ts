/** Processor time and memory of processes with all their children, from /proc; Linux only. */
import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks a second in /proc, the same on every Linux in use. */
const ticks = 100;

interface ProcessStat {
  pid: number;
  parent: number;
  /** In ticks; of children that have ended too. */
  ticks: number;
}

/** Undefined where the process has ended meanwhile. */
function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

function readStat(pid: number): ProcessStat | undefined {
  const text = readOrUndefined(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name in brackets may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const used = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
  return { pid, parent: Number(fields[1]), ticks: used };
}

/** The processes of the trees below `roots`, the roots included. */
function trees(roots: readonly number[]): ProcessStat[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)) ?? []);
  const byParent = Map.groupBy(all, ({ parent }) => parent);
  const found: ProcessStat[] = [];
  let level = all.filter(({ pid }) => roots.includes(pid));
  while (level.length > 0) {
    found.push(...level);
    level = level.flatMap(({ pid }) => byParent.get(pid) ?? []);
  }
  return found;
}

/** @returns processor seconds of the trees so far, children that have ended included */
export function cpuSeconds(...roots: number[]): number {
  return trees(roots).reduce((sum, one) => sum + one.ticks, 0) / ticks;
}

/** @returns MB in memory now (RSS), pages that several of them share counted for each */
export function residentMb(...roots: number[]): number {
  const kb = trees(roots).reduce((sum, { pid }) => {
    const status = readOrUndefined(`/proc/${pid}/status`) ?? "";
    return sum + Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
  }, 0);
  return kb / 1024;
}

/** Follows the memory of trees until it is told to stop. */
export function watchPeak(...roots: number[]): { stop(): number } {
  let peak = residentMb(...roots);
  const timer = setInterval(() => {
    peak = Math.max(peak, residentMb(...roots));
  }, 500);
  return {
    /** @returns the most MB seen */
    stop() {
      clearInterval(timer);
      return Math.max(peak, residentMb(...roots));
    },
  };
}

/** @returns seconds in which any core was busy so far, added up over all cores */
export function machineBusySeconds(): number {
  const [line = ""] = readFileSync("/proc/stat", "latin1").split("\n", 1);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, steal = 0] = (
    line.match(/\b\d+\b/g) ?? []
  ).map(Number);
  return (user + nice + system + irq + softIrq + steal) / ticks;
}
