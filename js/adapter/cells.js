// The cells of a result, as they cross from the core: an array, or where there are many, packed;
// see src/binding/packed.rs.

/**
 * @typedef {object} Packed
 * @property {string[]} strings All texts, side by side.
 * @property {ArrayBuffer} buffer A double for every cell, and then a byte for every cell.
 */

/** What a cell is. */
const [NULL, FALSE, TRUE, NUMBER, TEXT, TEXT_OF_NEXT] = [0, 1, 2, 3, 4, 5];
const BYTES_PER_CELL = 9;

/**
 * @param {any[] | Packed} crossed
 * @returns {any[]}
 */
export function cellsOf(crossed) {
  return Array.isArray(crossed) ? crossed : unpack(crossed);
}

/** @param {Packed} packed */
function unpack({ strings, buffer }) {
  const total = buffer.byteLength / BYTES_PER_CELL;
  const numbers = new Float64Array(buffer, 0, total);
  const kinds = new Uint8Array(buffer, total * Float64Array.BYTES_PER_ELEMENT, total);
  let cell = 0;
  let string = -1;
  let text = "";
  let end = 0;

  /** @param {number} most */
  const take = (most) => {
    /** @type {any[]} */
    const cells = [];
    for (let taken = 0; taken < most && cell < total; taken++) {
      const number = numbers[cell];
      const kind = kinds[cell++];
      if (kind === TEXT) cells.push(text.slice(end, (end += number)));
      else if (kind === NUMBER) cells.push(number);
      else if (kind === NULL) cells.push(null);
      else if (kind <= TRUE) cells.push(kind !== FALSE);
      else if (kind === TEXT_OF_NEXT) {
        text = strings[++string];
        cells.push(text.slice(0, (end = number)));
      } else cells.push(take(number));
    }
    return cells;
  };
  return take(total);
}
