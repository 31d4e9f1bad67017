/** Whoever did something, as lists can show the name, whatever was sent. */
const longest = 200;

export function shownName(text: string): string {
  return text
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ')
    .trim()
    .slice(0, longest);
}
