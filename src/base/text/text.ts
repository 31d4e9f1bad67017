/** Small rules of texts: their order as Go sorts them, numbers of versions. */

/** Order of Go's sort.Strings: by code points, which is that of the UTF-8 bytes. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    // Surrogates stand for code points above all others of 16 bits.
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** As much of a commit's name as people read. */
export function shortCommit(commit: string): string {
  return commit.slice(0, 12);
}

/** The second number of a version: 47 of `1.47`, 10 of `3.10`; 0 where there is none. */
export function minorOf(version: string): number {
  return Number(version.split('.')[1] ?? 0);
}
