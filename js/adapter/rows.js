// Rows on their way from the database: the flat cells of a result become objects.
//
// The objects of one plan are made by one literal, compiled once, so that every row has the same
// hidden class. Where code generation is switched off (--disallow-code-generation-from-strings),
// a loop makes them.

/**
 * One property of the objects a plan gives.
 *
 * @typedef {object} Property
 * @property {string} key
 * @property {keyof typeof decoders} decode
 *   absent: no cell; the factory gives undefined for fields that findMany does not select.
 *   row: the cells of a joined row follow, all null where there is none.
 *   rows, firstRow: one cell that holds the cells of all joined rows.
 * @property {RowReader} [nested] Reads the joined rows.
 */

/**
 * @typedef {object} RowReader
 * @property {number} width Cells per row.
 * @property {(cells: any[], at: number) => any} read The row whose cells start at `at`.
 */

const decoders = {
  /** @param {any[]} cells @param {number} at */
  plain: (cells, at) => cells[at],
  /** @param {any[]} cells @param {number} at */
  date: (cells, at) => (cells[at] === null ? null : new Date(cells[at])),
  /** @param {any[]} cells @param {number} at */
  json: (cells, at) => parseJson(cells[at]),
  absent: () => undefined,
  /** @param {any[]} cells @param {number} at @param {Property} property */
  row: (cells, at, { nested }) => joinedRow(cells, at, /** @type {RowReader} */ (nested)),
  /** @param {any[]} cells @param {number} at @param {Property} property */
  rows: (cells, at, { nested }) => readRows(cells[at], /** @type {RowReader} */ (nested)),
  /** @param {any[]} cells @param {number} at @param {Property} property */
  firstRow: (cells, at, { nested }) =>
    readRows(cells[at], /** @type {RowReader} */ (nested))[0] ?? null,
};

/**
 * Text that is no JSON is returned as it is: somebody else stored it, and it is not ours to lose.
 *
 * @param {any} cell
 */
function parseJson(cell) {
  if (typeof cell !== "string") return cell;
  try {
    return JSON.parse(cell);
  } catch {
    return cell;
  }
}

/**
 * A row's last cell is its id, which is null only where there is no row.
 *
 * @param {any[]} cells
 * @param {number} at
 * @param {RowReader} nested
 */
function joinedRow(cells, at, nested) {
  return cells[at + nested.width - 1] === null ? null : nested.read(cells, at);
}

/**
 * @param {any[]} cells
 * @param {RowReader} reader
 */
export function readRows(cells, { width, read }) {
  const rows = [];
  for (let at = 0; at < cells.length; at += width) rows.push(read(cells, at));
  return rows;
}

/** @param {Property} property */
function widthOf({ decode, nested }) {
  if (decode === "absent") return 0;
  return decode === "row" ? /** @type {RowReader} */ (nested).width : 1;
}

/**
 * A reader for rows with these properties, in the order of their cells.
 *
 * @param {Property[]} properties
 * @returns {RowReader}
 */
export function rowReader(properties) {
  const width = properties.reduce((sum, property) => sum + widthOf(property), 0);
  const makeReader = canCompile() ? compileReader : interpretReader;
  return { width, read: makeReader(properties) };
}

/**
 * @param {Property[]} properties
 * @returns {RowReader["read"]}
 */
export function compileReader(properties) {
  let offset = 0;
  const members = properties.map((property, index) => {
    const { key, decode } = property;
    // Written out, "__proto__" would set the prototype.
    const name = key === "__proto__" ? '["__proto__"]' : JSON.stringify(key);
    const at = `at + ${offset}`;
    offset += widthOf(property);
    if (decode === "absent") return `${name}: undefined`;
    if (decode === "plain") return `${name}: cells[${at}]`;
    return `${name}: decoders.${decode}(cells, ${at}, properties[${index}])`;
  });
  const source = `return (cells, at) => ({ ${members.join(", ")} });`;
  return new Function("decoders", "properties", source)(decoders, properties);
}

/**
 * @param {Property[]} properties
 * @returns {RowReader["read"]}
 */
export function interpretReader(properties) {
  return (cells, at) => {
    let next = at;
    const entries = properties.map((property) => {
      const value = decoders[property.decode](cells, next, property);
      next += widthOf(property);
      return [property.key, value];
    });
    return Object.fromEntries(entries);
  };
}

/** @type {boolean | undefined} */
let compiles;

function canCompile() {
  if (compiles === undefined) {
    try {
      new Function("");
      compiles = true;
    } catch {
      compiles = false;
    }
  }
  return compiles;
}
