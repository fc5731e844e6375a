// Results as text.

/**
 * @typedef {import("./operations.js").Contestant} Contestant
 * @typedef {import("./measure.js").Result} Result
 * @typedef {ReturnType<typeof import("./machine.js").describeMachine>} Machine
 */

const NAME = 38;
const CELL = 10;

/**
 * @param {Machine} machine
 * @param {Contestant[]} contestants
 * @param {{ name: string, versions: string[], users: number }} floor
 * @param {{ users: number, rounds: number }} settings
 */
export function printStart(machine, contestants, floor, { users, rounds }) {
  printMachine(machine, contestants);
  console.log(`${floor.name}: ${floor.versions.join(", ")}; the floor, not compared: on ${floor.users} users
  of its own, for it looks at every row, and copies all of them for a transaction`);
  console.log(`${users} users, each with a session and an account; ${rounds} rounds, medians`);
}

/**
 * @param {Machine} machine
 * @param {{ name: string, versions: string[] }[]} contestants
 */
export function printMachine({ cpu, cores, system, node, load }, contestants) {
  console.log(`
${cpu}, ${cores} cores, load ${load.toFixed(1)}, ${system}
Node ${node}
${contestants.map(({ name, versions }) => `${name}: ${versions.join(", ")}`).join("\n")}`);
}

/** Of latencies: how it is called, and how many of it a millisecond has. */
export const MICROSECONDS = { name: "µs", inMillisecond: 1_000 };
export const MILLISECONDS = { name: "ms", inMillisecond: 1 };

/** @param {number} callers */
export function printHeading(callers, unit = MICROSECONDS) {
  const how =
    callers === 1
      ? "1 caller: it calls again when it has its answer"
      : `${callers} callers at a time, who come through the event loop as requests do`;
  const latency = ["p50", "p95", "p99"].map((name) => `${name} ${unit.name}`);
  const loop = callers === 1 ? [] : ["loop p99", "p99.9", "max ms"];
  console.log(`\n${how}\n`);
  console.log(line("", ["ops/s", "ratio", ...latency, "cpu µs", ...loop]));
}

/**
 * @param {string} operation
 * @param {Result[]} results
 */
export function printResults(operation, results, unit = MICROSECONDS) {
  console.log(operation);
  for (const result of results) printResult(result, `${result.ratio.toFixed(2)}x`, unit);
}

/** @param {import("./floor.js").Floor} floor */
export function printFloor(floor) {
  printResult(floor, "floor", MICROSECONDS);
}

/**
 * @param {Omit<Result, "ratio">} result
 * @param {string} standing Among the others.
 * @param {typeof MICROSECONDS} unit
 */
function printResult({ contestant, opsPerSecond, p50, p95, p99, cpu, loopP99, loopP999, loopMax }, standing, unit) {
  const latencies = [p50, p95, p99].map((time) => (time * unit.inMillisecond).toFixed(1));
  const delays = [loopP99, loopP999, loopMax].flatMap((delay) => (delay === null ? [] : delay.toFixed(1)));
  const speed = Math.round(opsPerSecond).toLocaleString("en");
  console.log(line(`  ${contestant}`, [speed, standing, ...latencies, cpu.toFixed(1), ...delays]));
}

/** @param {import("./compare.js").Memory[]} memory */
export function printMemory(memory) {
  console.log("\nResident memory in a process of its own, before and after 1,000 calls of each\n");
  console.log(line("", ["MB before", "after", "growth"]));
  for (const { contestant, before, after } of memory) {
    const sizes = [before, after, after - before].map((bytes) => (bytes / 1e6).toFixed(1));
    console.log(line(`  ${contestant}`, sizes));
  }
}

/** @param {import("./password/compare.js").Memory[]} memory */
export function printHashingMemory(memory) {
  console.log("\nResident memory in a process of its own\n");
  console.log(line("", ["MB before", "most", "when idle"]));
  for (const { contestant, before, most, idle } of memory) {
    console.log(line(`  ${contestant}`, [before, most, idle].map((bytes) => (bytes / 1e6).toFixed(1))));
  }
}

/** @param {import("./startup/compare.js").Start[]} starts */
export function printStartup(starts) {
  console.log("\nA process that imports Better Auth, makes one query and ends\n");
  console.log(line("", ["ms", "MB open", "MB on disk"]));
  for (const { engine, contestant, milliseconds, resident, installed } of starts) {
    const disk = installed === null ? "" : (installed / 1e6).toFixed(1);
    console.log(line(`  ${engine}, ${contestant}`, [milliseconds.toFixed(0), (resident / 1e6).toFixed(1), disk]));
  }
}

/** @param {import("./bars.js").Bar[]} bars */
export function printBars(bars) {
  console.log("");
  for (const { promise, holds, closest } of bars) {
    console.log(`${holds ? "holds" : "FAILS"}  ${promise} (closest: ${closest})`);
  }
}

/**
 * @param {string} name
 * @param {string[]} cells
 */
function line(name, cells) {
  return name.padEnd(NAME) + cells.map((cell) => cell.padStart(CELL)).join("");
}
