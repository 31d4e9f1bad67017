/** Foreign names and texts for people's eyes: what would move a cursor, colour a terminal or turn the direction of writing is shown as its number. */

/** C0 without tab and line feed, DEL and C1, line and paragraph separators, marks that turn the direction of writing. */
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
/** Colours and weights of text: harmless, and what programs write on purpose. */
const colours = /(\u001b\[[0-9;:]*m)/;

/** A line, or several: `\u001b` stands for ESC, as in JSON, so that JSON stays JSON. */
export function printable(text: string): string {
  return text.replaceAll(controls, escaped);
}

/** One cell or name in a line: tabs and line ends are escaped too. */
export function printableCell(text: string): string {
  return printable(text).replaceAll(/[\t\n]/g, escaped);
}

/** A program's output on a terminal: its colours stay. */
export function printableOutput(text: string): string {
  return text
    .split(colours)
    .map((part, index) => (index % 2 === 1 ? part : printable(part)))
    .join('');
}

function escaped(sign: string): string {
  return `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
