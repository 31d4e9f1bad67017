/** A meter that keeps what it is told, a line each. */
import type { Meter } from '#base/meter';

export class ToldMeter implements Meter {
  readonly lines: string[] = [];

  readonly count: Meter['count'] = (name, labels = {}) => void this.lines.push([name, ...Object.values(labels)].join(' '));
  readonly took: Meter['took'] = (name, seconds, labels = {}) => void this.lines.push([name, seconds, ...Object.values(labels)].join(' '));
  readonly note: Meter['note'] = (name, value, labels = {}) => void this.lines.push([name, value, ...Object.values(labels)].join(' '));
}
