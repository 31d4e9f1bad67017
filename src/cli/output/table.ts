/** Tables with the docker CLI's spacing: columns at least 10 wide, 3 blanks between, the last one open. */
import stringWidth from 'string-width';
import { printableCell } from '#base/text/printable';

const minimumWidth = 10;
const padding = 3;

/** Lines of the rows; the first row is the heading. Every row has the same number of cells. */
export function tableLines(given: readonly (readonly string[])[]): string[] {
  // A line end in a name would make a row of its own.
  const rows = given.map((row) => row.map(printableCell));
  const columns = (rows[0]?.length ?? 1) - 1;
  const widths = Array.from({ length: columns }, (_, column) => Math.max(minimumWidth, ...rows.map((row) => stringWidth(row[column] ?? '') + padding)));
  return rows.map((row) => row.map((cell, column) => cell + blanks((widths[column] ?? 0) - stringWidth(cell))).join(''));
}

function blanks(count: number): string {
  return ' '.repeat(Math.max(0, count));
}
