/** The order of names in lists: numbers inside them count as numbers. */

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'variant' });

export function compareNatural(a: string, b: string): number {
  return collator.compare(a, b);
}
