// What somebody types to find a user: its words, and the question for an index of words.
//
// The index narrows down, and the words decide, letter for letter. So nothing here has to quote or
// to escape: what is not a letter or a digit is not in the question.

import { invalidInput } from "../errors.js";

const LONGEST = 256;
const MOST_WORDS = 10;

/** What comes before a word, as src/query/search.rs has them: in names, then in addresses. */
const BEGINNINGS = [" ", "-", "@", ".", "-", "_", "+"];

/** InnoDB's own list, and the lengths it keeps: nothing else is in its indexes. */
const STOP_WORDS = new Set(
  "a about an are as at be by com de en for from how i in is it la of on or that the this to was what when where who will with und www".split(" "),
);

/** @param {unknown} text */
export function readText(text) {
  if (typeof text !== "string") throw invalidInput("searchUsers() takes what is searched for as a string");
  const whole = text.trim();
  const words = [...new Set(whole.split(/\s+/u).filter((word) => word !== ""))];
  if (whole.length > LONGEST || words.length > MOST_WORDS) {
    throw invalidInput(`searchUsers() takes at most ${LONGEST} characters and ${MOST_WORDS} words`);
  }
  return { whole, words };
}

/** The values that src/query/search.rs wants first. @param {string} whole @param {string[]} words */
export function wordValues(whole, words) {
  return [whole, ...words.flatMap((word) => [word, ...BEGINNINGS.map((before) => before + word)])];
}

/**
 * The question for the index; null where it has nothing to go by.
 *
 * @param {"sqlite" | "postgres" | "mysql"} kind
 * @param {string} whole
 * @returns {string | null}
 */
export function questionOf(kind, whole) {
  const words = whole.match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  if (kind === "mysql") {
    const kept = words.filter((word) => {
      const { length } = [...word];
      return length >= 3 && length <= 84 && !STOP_WORDS.has(word.toLowerCase());
    });
    return kept.length > 0 ? kept.map((word) => `+${word}*`).join(" ") : null;
  }
  if (words.length === 0) return null;
  if (kind === "postgres") return words.map((word) => `'${word}':*`).join(" & ");
  return words.map((word) => `words : "${word}" *`).join(" AND ");
}
