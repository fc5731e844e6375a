// Draws docs/charts/<comparison>.svg from bench/results/<comparison>.json.
//
// Usage: node bench/chart.js sqlite

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { pathOf } from "./results.js";

/** @typedef {import("./compare.js").Report} Report */

/** Readable on light and on dark backgrounds alike; clearer where it is known which it is. */
const STYLE = `text { fill: #6e7b88 }
@media (prefers-color-scheme: light) { text { fill: #4d5763 } }
@media (prefers-color-scheme: dark) { text { fill: #b1bac4 } }`;
const COLORS = ["#1a9c87", "#8f9aa6", "#c08a3e", "#8a6fc0"];
const FONT = "-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";

const MARGIN = 12;
const NAMES = 222;
const PANEL = 260;
const LABEL = 116;
const WIDTH = NAMES + 2 * (PANEL + LABEL);
/** What of a bar that is cut stands behind the cut. */
const CUT = 10;
const BAR = 13;
const GAP = 11;
const TOP = 104;

const [comparison = "sqlite"] = process.argv.slice(2);
const chart = new URL(`../docs/charts/${comparison}.svg`, import.meta.url);
mkdirSync(new URL(".", chart), { recursive: true });
writeFileSync(chart, draw(JSON.parse(readFileSync(pathOf(comparison), "utf8"))));

/** @param {Report} report */
function draw({ measurements, contestants, machine, users }) {
  const operations = [...new Set(measurements.map(({ operation }) => operation))];
  const callers = [...new Set(measurements.map(({ callers }) => callers))];
  const row = contestants.length * BAR + GAP;
  const height = TOP + operations.length * row + 40;
  const scale = PANEL / longest(measurements);

  const [, baseline] = contestants;
  const title = `Better Auth adapters: operations per second, relative to the ${baseline.name}`;
  const parts = [
    text(MARGIN, 26, title, { size: 16, weight: 600 }),
    ...legend(contestants),
    ...operations.map((name, index) =>
      text(NAMES - MARGIN, TOP + index * row + (row - GAP) / 2 + 4, name, { anchor: "end" }),
    ),
  ];
  for (const [column, count] of callers.entries()) {
    const left = NAMES + column * (PANEL + LABEL);
    const heading = count === 1 ? "1 caller" : `${count} callers`;
    parts.push(text(left, TOP - 12, heading, { weight: 600 }));
    for (const { operation, results, callers } of measurements) {
      if (callers !== count) continue;
      const top = TOP + operations.indexOf(operation) * row;
      for (const [index, result] of results.entries()) {
        parts.push(...bar(left, top + index * BAR, result, scale, COLORS[index]));
      }
    }
  }
  const { cpu, cores, node } = machine;
  const content = `${users.toLocaleString("en")} users, each with a session and an account`;
  const source = `${content}; medians; ${cpu}, ${cores} cores, Node ${node}`;
  parts.push(text(MARGIN, height - 12, source, { size: 11 }));

  const size = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="${FONT}" role="img">
<title>${title}</title>
<style>${STYLE}</style>
${parts.join("\n")}
</svg>
`;
}

/**
 * The ratio whose bar fills a panel. One operation that is far ahead of all others does not make
 * theirs unreadable: its bars are cut.
 *
 * @param {Report["measurements"]} measurements
 */
function longest(measurements) {
  /** @type {Map<string, number>} */
  const greatest = new Map();
  for (const { operation, results } of measurements) {
    greatest.set(operation, Math.max(greatest.get(operation) ?? 0, ...results.map(({ ratio }) => ratio)));
  }
  const [first, second = first] = [...greatest.values()].sort((a, b) => b - a);
  return Math.min(first, 1.5 * second);
}

/** @param {Report["contestants"]} contestants */
function legend(contestants) {
  let left = MARGIN;
  return contestants.flatMap(({ name }, index) => {
    const at = left;
    left += 42 + name.length * 6.6;
    return [rectangle(at, 44, 12, 12, COLORS[index]), text(at + 18, 54, name)];
  });
}

/**
 * @param {number} left
 * @param {number} top
 * @param {import("./measure.js").Result} result
 * @param {number} scale
 * @param {string} color
 */
function bar(left, top, { ratio, opsPerSecond }, scale, color) {
  const width = Math.min(ratio * scale, PANEL);
  const isCut = ratio * scale > PANEL;
  const label = `${ratio.toFixed(1)}x  ${Math.round(opsPerSecond).toLocaleString("en")}/s`;
  return [
    rectangle(left, top, isCut ? width - CUT - 4 : width, BAR - 1, color),
    ...(isCut ? [rectangle(left + width - CUT, top, CUT, BAR - 1, color)] : []),
    text(left + width + 5, top + BAR - 3, label, { size: 11 }),
  ];
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 * @param {string} color
 */
function rectangle(x, y, width, height, color) {
  const place = `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${height}"`;
  return `<rect ${place} rx="1.5" fill="${color}"/>`;
}

/**
 * @param {number} x
 * @param {number} y
 * @param {string} content
 * @param {{ size?: number, weight?: number, anchor?: "start" | "end" }} [style]
 */
function text(x, y, content, { size = 13, weight = 400, anchor = "start" } = {}) {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const font = `font-size="${size}" font-weight="${weight}" text-anchor="${anchor}"`;
  return `<text x="${round(x)}" y="${round(y)}" ${font} xml:space="preserve">${escaped}</text>`;
}

/** @param {number} length */
function round(length) {
  return Math.round(length * 10) / 10;
}
