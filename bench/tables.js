// Writes the tables of docs/performance.md and docs/cleanup.md from bench/results/*.json, each between
// `<!-- figures: name -->` and `<!-- end -->`.
//
// Usage: node bench/tables.js

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { pathOf } from "./results.js";

/** @typedef {import("./compare.js").Measurement} Measurement */
/** @typedef {Measurement["results"][number]} Result */
/** @typedef {[string, (measurement: Measurement) => string]} Column */

const whole = (/** @type {number} */ number) => Math.round(number).toLocaleString("en-US");
const tenth = (/** @type {number} */ number) => number.toFixed(1);
const hundredth = (/** @type {number} */ number) => number.toFixed(2);

/** This package's, and that of the built-in adapter. @param {(result: Result) => string} read */
const pair = (read) => (/** @type {Measurement} */ { results: [own, builtIn] }) => `${read(own)} / ${read(builtIn)}`;

const lateness = (/** @type {Result} */ { loopP99 }) => tenth(/** @type {number} */ (loopP99));

/** @type {Record<string, () => string>} */
const tables = {
  sqlite: () => {
    const { measurements } = results("sqlite");
    const alone = new Map(at(1, measurements));
    return table(at(32, measurements), [
      ["1 caller, per second", ({ operation }) => whole(first(alone, operation).opsPerSecond)],
      ["times the built-in", ({ operation }) => `**${tenth(first(alone, operation).ratio)}**`],
      ["32 callers, per second", ({ results: [own] }) => whole(own.opsPerSecond)],
      ["times the built-in", ({ results: [own] }) => `**${tenth(own.ratio)}**`],
      ["event loop late, p99 ms, here / built-in", pair(lateness)],
      ["CPU per call, µs, here / built-in", pair(({ cpu }) => tenth(cpu))],
    ]);
  },
  "sqlite-force-color-0": () => {
    const { measurements } = results("sqlite-force-color-0");
    const alone = new Map(at(1, measurements));
    return table(at(32, measurements), [
      ["1 caller: times the built-in", ({ operation }) => tenth(first(alone, operation).ratio)],
      ["32 callers", ({ results: [own] }) => tenth(own.ratio)],
    ]);
  },
  postgres: () => onServer("postgres"),
  mysql: () => onServer("mysql"),
  http: () =>
    ["sqlite", "postgres", "mysql"]
      .map((name) => {
        const { engine, measurements } = results(`http-${name}`);
        const peers = peersIn(measurements);
        return `${engine}:\n\n${table(at(32, measurements), [
          ["requests per second", ({ results: [own] }) => whole(own.opsPerSecond)],
          ["times the built-in", ({ results: [own] }) => `**${hundredth(own.ratio)}**`],
          ...peers.map(([peer, of]) => /** @type {Column} */ ([peer, (measurement) => hundredth(of(measurement).ratio)])),
          ["p99 ms, here / built-in", pair(({ p99 }) => whole(p99))],
          ["event loop late, p99 ms, here / built-in", pair(lateness)],
          ["CPU per request, ms, here / built-in", pair(({ cpu }) => hundredth(cpu / 1_000))],
        ])}`;
      })
      .join("\n\n"),
  startup: () => {
    const rows = results("startup").starts.map((/** @type {any} */ start) => [
      `${start.engine}: ${start.contestant}`,
      whole(start.milliseconds),
      whole(start.resident / 1e6),
      start.installed === null ? "" : tenth(start.installed / 1e6),
    ]);
    return markdown(["", "from start to end, ms", "resident with the database open, MB", "on the disk, MB"], rows);
  },
  scale: () => sameRun("scale", "p50 in µs, one caller", ({ p50 }) => tenth(p50 * 1_000)),
  pipelining: () =>
    sameRun("pipelining", "per second, 64 callers", ({ opsPerSecond, ratio }) => `${whole(opsPerSecond)} (${tenth(ratio)})`),
  distance: () => {
    const { measurements } = results("distance");
    return table(measurements.map((/** @type {Measurement} */ measured) => [measured.operation, measured]), [
      ["findOne by e-mail, per second", ({ results: [own] }) => whole(own.opsPerSecond)],
      ["times the built-in", ({ results: [own] }) => `**${tenth(own.ratio)}**`],
      ["p50 ms, here / built-in", pair(({ p50 }) => tenth(p50))],
      ["p99 ms, here / built-in", pair(({ p99 }) => tenth(p99))],
    ]);
  },
  cleanup: () => {
    const rows = results("cleanup").measurements.map((/** @type {any} */ { engine, rows, seconds, loads }) => [
      engine,
      whole(rows / seconds),
      ...["whole sign-in, with its password", "session created and found"].flatMap((load) =>
        ["p50", "p99"].map((quantile) => {
          const { before, during } = loads[load];
          return `${hundredth(during[quantile] / before[quantile])} (${tenth(before[quantile])} → ${tenth(during[quantile])})`;
        }),
      ),
    ]);
    return markdown(["", "rows a second", "whole sign-in p50", "p99", "session created and found p50", "p99"], rows);
  },
};

/** @param {string} name */
function results(name) {
  const file = pathOf(name);
  if (!existsSync(file)) throw new Error(`there are no results of ${name}: npm run bench -- ${name} --json ${file}`);
  return JSON.parse(readFileSync(file, "utf8"));
}

/** @param {number} callers @param {Measurement[]} measurements @returns {[string, Measurement][]} */
function at(callers, measurements) {
  return measurements.filter((measured) => measured.callers === callers).map((measured) => [measured.operation, measured]);
}

/** @param {Map<string, Measurement>} measured @param {string} operation */
function first(measured, operation) {
  return /** @type {Measurement} */ (measured.get(operation)).results[0];
}

/**
 * Who takes part besides this package and the built-in adapter.
 *
 * @param {Measurement[]} measurements
 * @returns {[string, (measurement: Measurement) => Result][]}
 */
function peersIn([{ results }]) {
  return results.slice(2).map(({ contestant }, index) => [contestant, ({ results }) => results[index + 2]]);
}

/** @param {string} name */
function onServer(name) {
  const { measurements } = results(name);
  const alone = new Map(at(1, measurements));
  return table(at(64, measurements), [
    ["1 caller: times the built-in", ({ operation }) => `**${tenth(first(alone, operation).ratio)}**`],
    ...peersIn(measurements).map(([peer, of]) =>
      /** @type {Column} */ ([`${peer}, 64 callers`, (measurement) => tenth(of(measurement).ratio)])),
    ["64 callers: per second", ({ results: [own] }) => whole(own.opsPerSecond)],
    ["times the built-in", ({ results: [own] }) => `**${tenth(own.ratio)}**`],
    ["event loop late, p99 ms, here / built-in", pair(lateness)],
    ["CPU per call, µs, here / built-in", pair(({ cpu }) => whole(cpu))],
  ]);
}

/** Contestants side by side. @param {string} name @param {string} unit @param {(result: Result) => string} read */
function sameRun(name, unit, read) {
  /** @type {Measurement[]} */
  const measurements = results(name).measurements;
  const contestants = measurements[0].results.map(({ contestant }) => contestant);
  return markdown([unit, ...contestants], measurements.map(({ operation, results }) => [operation, ...results.map(read)]));
}

/** @param {[string, Measurement][]} measured @param {Column[]} columns */
function table(measured, columns) {
  const rows = measured.map(([operation, measurement]) => [operation, ...columns.map(([, read]) => read(measurement))]);
  return markdown(["", ...columns.map(([heading]) => heading)], rows);
}

/** @param {string[]} headings @param {string[][]} rows */
function markdown(headings, rows) {
  const line = (/** @type {string[]} */ cells) => `| ${cells.join(" | ")} |`;
  return [line(headings), `|${"---|".repeat(headings.length)}`, ...rows.map(line)].join("\n");
}

for (const page of ["performance", "cleanup"]) {
  const file = new URL(`../docs/${page}.md`, import.meta.url);
  const text = readFileSync(file, "utf8").replaceAll(
    /(<!-- figures: ([\w-]+) -->\n).*?(<!-- end -->)/gs,
    (_, begin, name, end) => `${begin}\n${tables[name]()}\n\n${end}`,
  );
  writeFileSync(file, text);
}
