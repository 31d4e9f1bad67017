/** Durations and sizes as the docker CLI tells them to people (go-units). */

const day = 24;

/** `5 seconds`, `About a minute`, `3 weeks` of a span in milliseconds. */
export function humanDuration(spanMs: number): string {
  const seconds = Math.floor(spanMs / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(spanMs / 3_600_000);
  if (hours === 1) return 'About an hour';
  if (hours < 2 * day) return `${hours} hours`;
  if (hours < 14 * day) return `${Math.floor(hours / day)} days`;
  if (hours < 60 * day) return `${Math.floor(hours / day / 7)} weeks`;
  if (hours < 730 * day) return `${Math.floor(hours / day / 30)} months`;
  return `${Math.floor(hours / day / 365)} years`;
}

const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `1.952GiB`: four significant digits, powers of 1024. */
export function humanSize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < binaryUnits.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${Number(size.toPrecision(4))}${binaryUnits[unit] ?? ''}`;
}

const sizeMultiples: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4, p: 1024 ** 5 };

/** Bytes of `64M`, `1.5g`, `512mb` or a number (go-units RAMInBytes); undefined when it is none. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([bkmgtp]?)(?:i?b)?$/i.exec(text.trim());
  if (!match) return undefined;
  return Math.floor(Number(match[1]) * (sizeMultiples[(match[2] ?? '').toLowerCase()] ?? 1));
}
