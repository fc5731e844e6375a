// How the demo looks in a terminal. Colours only where they are wanted, which styleText knows.

import { styleText } from "node:util";

/**
 * @typedef {object} Line
 * @property {string} what
 * @property {number} [status] of the HTTP response, if there was one
 * @property {string} told what came back
 * @property {number} milliseconds
 */

/** @param {string} title */
export function heading(title) {
  console.log(`${styleText("bold", title)}\n`);
  console.log(styleText("dim", columns("step", "HTTP", "answer", "ms")));
}

/** @param {Line} line */
export function line({ what, status, told, milliseconds }) {
  const colour = status !== undefined && status < 400 ? "green" : "yellow";
  const paint = (/** @type {string} */ text) => styleText(colour, text);
  console.log(columns(what, `${status ?? ""}`, told, milliseconds.toFixed(1), paint));
}

/**
 * @param {string} what
 * @param {string} status
 * @param {string} told
 * @param {string} milliseconds
 * @param {(text: string) => string} [paint] for the status, once padded: escapes have no width
 */
function columns(what, status, told, milliseconds, paint = (text) => text) {
  const cells = [what.padEnd(14), paint(status.padEnd(4)), told.padEnd(46), milliseconds.padStart(6)];
  return `  ${cells.join("  ")}`;
}

/** @param {Record<string, string>} named */
export function facts(named) {
  const width = Math.max(...Object.keys(named).map((name) => name.length));
  for (const [name, fact] of Object.entries(named)) {
    console.log(`${styleText("bold", name.padEnd(width))}  ${fact}`);
  }
}
