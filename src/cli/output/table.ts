/** Tables with the docker CLI's spacing: columns at least 10 wide, 3 blanks between, the last one open. */
import { printableCell } from '#base/text/printable';

const minimumWidth = 10;
const padding = 3;

/** Lines of the rows; the first row is the heading. Every row has the same number of cells. */
export async function tableLines(given: readonly (readonly string[])[]): Promise<string[]> {
  // A line end in a name would make a row of its own.
  const rows = given.map((row) => row.map(printableCell));
  const widthOf = await widthsIn(rows);
  const columns = (rows[0]?.length ?? 1) - 1;
  const widths = Array.from({ length: columns }, (_, column) => Math.max(minimumWidth, ...rows.map((row) => widthOf(row[column] ?? '') + padding)));
  return rows.map((row) => row.map((cell, column) => cell + blanks((widths[column] ?? 0) - widthOf(cell))).join(''));
}

/** How wide a terminal shows a cell of theirs. What knows all signs takes longer to load than most commands to do their work: only where there are others than ASCII's. */
async function widthsIn(rows: readonly (readonly string[])[]): Promise<(cell: string) => number> {
  const plain = rows.every((row) => row.every((cell) => /^[ -~]*$/.test(cell)));
  return plain ? (cell) => cell.length : (await import('string-width')).default;
}

function blanks(count: number): string {
  return ' '.repeat(Math.max(0, count));
}
