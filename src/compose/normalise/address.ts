/** Whether a text is an IP address, by the rules of Go's net.ParseIP. */

export function isAddress(text: string): boolean {
  return text.includes(':') ? isVersion6(text) : isVersion4(text);
}

function isVersion4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function isVersion6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const tail = groups.at(-1) ?? '';
  const embedded = tail.includes('.');
  if (embedded && !isVersion4(tail)) return false;
  if (!(embedded ? groups.slice(0, -1) : groups).every((group) => /^[\da-fA-F]{1,4}$/.test(group))) return false;
  const count = groups.length + (embedded ? 1 : 0);
  return halves.length === 2 ? count < 8 : count === 8;
}

/** Whether an address means "every interface". */
export function isUnspecified(text: string): boolean {
  return text === '0.0.0.0' || (text.includes(':') && /^[0:.]+$/.test(text));
}
