/** Go's durations: nanoseconds in the API, texts like `1h30m` in stack files. */

export const nanosecondsPerMillisecond = 1e6;
export const second = 1e9;

const unitNanoseconds: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Nanoseconds of a Go duration text (time.ParseDuration); undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^([+-]?)(.+)$/.exec(text);
  if (!match) return undefined;
  const body = match[2] ?? '';
  if (body === '0') return 0;
  if (!/^((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/.test(body)) return undefined;
  let total = 0;
  for (const part of body.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += Number(part[1]) * (unitNanoseconds[part[2] ?? ''] ?? 0);
  }
  return (match[1] === '-' ? -1 : 1) * Math.round(total);
}

/** Go's text of a duration in nanoseconds (time.Duration.String). */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  const sign = nanoseconds < 0 ? '-' : '';
  const value = Math.abs(nanoseconds);
  if (value < 1e3) return `${sign}${value}ns`;
  if (value < 1e6) return `${sign}${value / 1e3}µs`;
  if (value < 1e9) return `${sign}${value / 1e6}ms`;
  const hours = Math.floor(value / 3600e9);
  const minutes = Math.floor((value % 3600e9) / 60e9);
  const seconds = Number(((value % 60e9) / 1e9).toFixed(9));
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}s` : `${sign}${seconds}s`;
}

/** Milliseconds of an API duration; `fallback` nanoseconds when it is absent. */
export function milliseconds(nanoseconds: number | undefined, fallback: number): number {
  return (nanoseconds ?? fallback) / nanosecondsPerMillisecond;
}
