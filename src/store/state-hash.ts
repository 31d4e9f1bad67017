/** A number that stands for the whole state: equal on managers that hold the same, whatever the order in which they came to it. */

/** Sums stay below 2^53, so that they are exact. */
const modulus = 2 ** 52;
/** What may wait to be counted. */
const waitingLimit = 64;
/** Text that is counted for whoever asks for the hash, some milliseconds' work: far more than usually waits. */
const askedLength = 256 * 1024;
/** And in one step. */
const stepLength = 8 * 1024;

export class StateHash {
  #sum = 0;
  /** What each thing adds, by its key. */
  readonly #parts = new Map<string, number>();
  /** Changed since the last count: an object that changes ten times is counted once. */
  readonly #changed = new Map<string, unknown>();

  /** The thing at `key` is now `value`; undefined: it is gone. Values are never changed afterwards. */
  put(key: string, value: unknown): void {
    this.#changed.set(key, value);
  }

  /** Much waits to be counted: it must not grow for ever. */
  get isBehind(): boolean {
    return this.#changed.size > waitingLimit;
  }

  /** Counts a little; returns whether nothing is left. */
  step(): boolean {
    return this.#count(stepLength);
  }

  /** As `text`, if that takes no long turn; undefined where much changed: it is counted over several calls. */
  soon(): string | undefined {
    return this.#count(askedLength) ? this.text() : undefined;
  }

  /** Text of the hash; the first character is the version of how it is made: others are not compared with. */
  text(): string {
    this.#count(Infinity);
    return `2${this.#sum.toString(16).padStart(13, '0')}`;
  }

  /** Counts about so much text; returns whether nothing is left. */
  #count(length: number): boolean {
    let counted = 0;
    for (const [key, value] of this.#changed) {
      if (counted >= length) return false;
      this.#changed.delete(key);
      this.#sum -= this.#parts.get(key) ?? 0;
      if (this.#sum < 0) this.#sum += modulus;
      if (value === undefined) {
        this.#parts.delete(key);
        continue;
      }
      const { text, length: made } = textOf(value);
      counted += made;
      const part = hashOf(key, text);
      this.#parts.set(key, part);
      this.#sum = (this.#sum + part) % modulus;
    }
    return true;
  }
}

/** By spec: tasks of a service share it, and it is most of their text. */
const specs = new WeakMap<object, string>();

/** What is counted of a value, of its spec only what that comes to; `length` is that of all text that was made for it. */
function textOf(value: unknown): { text: string; length: number } {
  if (typeof value !== 'object' || value === null || !('Spec' in value) || typeof value.Spec !== 'object' || value.Spec === null) {
    const text = JSON.stringify(value);
    return { text, length: text.length };
  }
  let made = 0;
  let spec = specs.get(value.Spec);
  if (spec === undefined) {
    const whole = JSON.stringify(value.Spec);
    made = whole.length;
    specs.set(value.Spec, (spec = hashOf('', whole).toString(16)));
  }
  const text = JSON.stringify({ ...value, Spec: spec });
  return { text, length: made + text.length };
}

/** 52 bits over both texts: two FNV-1a lanes, mixed at the end as murmur3 does. */
function hashOf(key: string, text: string): number {
  let a = 0x811c9dc5;
  let b = 0x1000193;
  for (const part of [key, text]) {
    for (let at = 0; at < part.length; at++) {
      const code = part.charCodeAt(at);
      a = Math.imul(a ^ code, 0x01000193);
      b = Math.imul(b ^ code, 0x5bd1e995) ^ (b >>> 15);
    }
    a = Math.imul(a ^ 0xff, 0x01000193);
  }
  return (mixed(a) & 0xfffff) * 2 ** 32 + mixed(b ^ a);
}

function mixed(word: number): number {
  let hash = word ^ (word >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
