// What commands say: for people on a terminal, plain lines in a pipe, or JSON.

import { createInterface } from "node:readline/promises";
import { styleText } from "node:util";
import { UsageError } from "./arguments.js";

/** @typedef {Parameters<typeof styleText>[0]} Style */

/** @typedef {{ description: string, up: string }} Step */

/** How often progress is a line of its own, in milliseconds. */
const EVERY = 5_000;

const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

export class Output {
  #json;
  #colours;

  /** @param {{ json: boolean }} options */
  constructor({ json }) {
    this.#json = json;
    const { NO_COLOR, FORCE_COLOR } = process.env;
    this.#colours = FORCE_COLOR ? FORCE_COLOR !== "0" : process.stdout.isTTY === true && !NO_COLOR;
  }

  /**
   * The answer: as JSON, or as `text` says it.
   *
   * @param {object} answer
   * @param {() => void} text
   */
  answer(answer, text) {
    if (this.#json) console.log(JSON.stringify(answer, null, 2));
    else text();
  }

  /** @param {string} [text] */
  line(text = "") {
    if (!this.#json) console.log(text);
  }

  /** @param {Style} style @param {string} text */
  style(style, text) {
    return this.#colours ? styleText(style, text, { validateStream: false }) : text;
  }

  /** @param {string} title */
  heading(title) {
    this.line(this.style("bold", title));
    this.line();
  }

  /** What would be added, and the statements. @param {Step[]} steps */
  diff(steps) {
    for (const { description } of steps) {
      this.line(`  ${this.style("green", "+")} ${description.replace(/^(the|a) /, "")}`);
    }
    this.line();
    this.sql(steps.map(({ up }) => up));
  }

  /** @param {string[]} statements */
  sql(statements) {
    for (const statement of statements) {
      for (const line of `${statement};`.split("\n")) this.line(this.style("dim", `    ${line}`));
    }
    this.line();
  }

  /**
   * @param {string[]} header
   * @param {string[][]} rows
   * @param {(row: number) => Style | undefined} [styleOf]
   */
  table(header, rows, styleOf = () => undefined) {
    const widths = header.map((name, column) =>
      Math.max(name.length, ...rows.map((row) => row[column].length)),
    );
    const layout = (/** @type {string[]} */ cells) =>
      `  ${cells.map((cell, column) => cell.padEnd(widths[column])).join("  ")}`.trimEnd();
    this.line(this.style("dim", layout(header)));
    rows.forEach((row, index) => {
      const style = styleOf(index);
      this.line(style === undefined ? layout(row) : this.style(style, layout(row)));
    });
    this.line();
  }

  /** @param {string} text */
  good(text) {
    this.line(`${this.style("green", "✔")} ${text}`);
  }

  /** @param {string} text */
  bad(text) {
    this.line(`${this.style("yellow", "✖")} ${text}`);
  }

  /**
   * Waits for `work`, and on a terminal shows for how long.
   *
   * @template T
   * @param {string} what
   * @param {Promise<T>} work
   * @returns {Promise<T>}
   */
  async progress(what, work) {
    if (this.#json || process.stderr.isTTY !== true) return work;
    const begun = performance.now();
    let frame = 0;
    const timer = setInterval(() => {
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      frame += 1;
      process.stderr.write(`\r${SPINNER[frame % SPINNER.length]} ${what}, ${seconds} s`);
    }, 100);
    try {
      return await work;
    } finally {
      clearInterval(timer);
      if (frame > 0) process.stderr.write("\r\x1b[2K");
    }
  }

  /**
   * What shows how far each of several things has got: as a bar on a terminal, else as a line now
   * and then.
   */
  bars() {
    const shown = !this.#json && process.stderr.isTTY === true;
    let last = 0;
    return {
      /** @param {string} name @param {number} done @param {number} total */
      show: (name, done, total) => {
        const share = total === 0 ? 1 : Math.min(done / total, 1);
        const numbers = `${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
        if (shown) {
          const width = Math.max(10, Math.min(40, (process.stderr.columns ?? 80) - name.length - numbers.length - 12));
          const filled = Math.round(share * width);
          const bar = `${"█".repeat(filled)}${"░".repeat(width - filled)}`;
          process.stderr.write(`\r\x1b[2K${name} ${bar} ${numbers}`);
        } else if (!this.#json && (performance.now() - last > EVERY || done >= total)) {
          last = performance.now();
          console.log(`${name}: ${numbers}`);
        }
      },
      end: () => {
        if (shown) process.stderr.write("\r\x1b[2K");
      },
    };
  }

  /**
   * Whether somebody says yes; an error where nobody can be asked.
   *
   * @param {string} question
   * @param {boolean | undefined} yes
   * @param {string} [expected] what has to be typed
   */
  async confirm(question, yes, expected = "y") {
    if (yes) return true;
    if (this.#json || process.stdin.isTTY !== true || process.stdout.isTTY !== true) {
      throw new UsageError("nobody can be asked here: pass --yes");
    }
    const reader = createInterface({ input: process.stdin, output: process.stdout });
    try {
      const answer = (await reader.question(`${question} `)).trim();
      const said = expected === "y" ? /^y(es)?$/i.test(answer) : answer === expected;
      if (!said) this.line("Nothing was changed.");
      return said;
    } finally {
      reader.close();
    }
  }

  /** @param {unknown} error */
  fail(error) {
    const { code = "FAILED", message, table, column, constraint, sqlState, retryable, cause } =
      /** @type {any} */ (error);
    if (this.#json) {
      const told = { code, message, table, column, constraint, sqlState, retryable };
      console.log(JSON.stringify({ error: { ...told, cause: cause?.message } }, null, 2));
      return;
    }
    console.error(`${this.#colours ? styleText("red", "error", { validateStream: false }) : "error"} ${code}: ${message}`);
    if (cause?.message && !message.includes(cause.message)) console.error(`  cause: ${cause.message}`);
  }
}
