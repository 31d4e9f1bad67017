/** What git answers to a push, packet by packet: whether the push is taken stands in it before what becomes of it, so an answer that breaks off can be brought to a good end. */

/** The length of a packet stands before it, in four hexadecimal digits that count themselves. */
const lengthDigits = 4;
/** Of the bands that share an answer: git's own report, and what the pusher's terminal shows. */
const bands = { report: 1, shown: 2 } as const;
/** A report says first whether all came well, and then a line of each branch. */
const takenReport = /^[0-9a-f]{4}unpack ok\n[0-9a-f]{4}ok /;
const mostReport = 1024;

export class PushAnswer {
  #waiting = Buffer.alloc(0);
  #report = '';
  /** Whether its packets are such, and have bands: of any other answer nothing is known. */
  #understood = true;
  #ended = false;

  /** The packets that are whole by now. */
  take(part: Uint8Array): Uint8Array {
    if (!this.#understood) return part;
    const all = Buffer.concat([this.#waiting, part]);
    let at = 0;
    while (this.#understood && all.length - at >= lengthDigits) {
      const length = lengthOf(all, at);
      if (length === undefined || this.#ended) this.#understood = false;
      else if (length > all.length - at) break;
      else {
        this.#note(all.subarray(at + lengthDigits, at + length));
        at += Math.max(length, lengthDigits);
      }
    }
    this.#waiting = this.#understood ? all.subarray(at) : Buffer.alloc(0);
    return this.#understood ? all.subarray(0, at) : all;
  }

  #note(content: Buffer): void {
    if (content.length === 0) this.#ended = true;
    else if (content[0] === bands.report) this.#report = `${this.#report}${content.toString('latin1', 1)}`.slice(0, mostReport);
    else if (content[0] !== bands.shown) this.#understood = false;
  }

  /** It has said that the push is taken, and can be ended by `line` and `end`. */
  get taken(): boolean {
    return this.#understood && !this.#ended && takenReport.test(this.#report);
  }
}

/** `text` on the pusher's terminal; shorter than 64 KiB. */
export function shownLine(text: string): Uint8Array {
  const content = Buffer.from(`${text}\n`);
  const length = (lengthDigits + 1 + content.length).toString(16).padStart(lengthDigits, '0');
  return Buffer.concat([Buffer.from(length), Buffer.from([bands.shown]), content]);
}

/** The last packet of an answer. */
export const answerEnd = '0000';

const command = /^[0-9a-f]{40,64} ([0-9a-f]{64}|[0-9a-f]{40}) /;

/** The commit that a push wants its branch to be at. `begin`: of what the pusher sends. */
export function pushedCommit(begin: Uint8Array): string | undefined {
  const text = Buffer.from(begin.subarray(0, mostReport)).toString('latin1');
  return command.exec(text.slice(lengthDigits))?.[1];
}

/** Undefined: these are no four digits. */
function lengthOf(all: Buffer, at: number): number | undefined {
  const digits = all.toString('latin1', at, at + lengthDigits);
  const length = Number.parseInt(digits, 16);
  // The end has no length; what has one is no shorter than its digits.
  return /^[0-9a-f]{4}$/.test(digits) && (length === 0 || length > lengthDigits) ? length : undefined;
}
