/** From what each stack of a repository was made last, each path that was read, also in vain, with what it led to: as long as that stands, it need not be made again. */
import { PlaceMemory, type Place } from './places/stack-places.ts';

export interface StackInputs {
  /** Of the result. */
  digest: string;
  /** What its folder was found to hold, and what is asked of it. */
  place: Place;
  /** Those that lie in a folder to which no link leads, by folder: as long as its tree is the same, so are they. */
  folders: readonly InputFolder[];
  /** All others. */
  others: readonly (readonly [path: string, identity: string])[];
}

export interface InputFolder {
  folder: string;
  tree: string;
  inputs: readonly (readonly [path: string, identity: string])[];
}

/** A stack that reads more is made each time. */
const mostInputs = 2000;

export class InputMemory {
  readonly places = new PlaceMemory();
  readonly #stacks = new Map<string, StackInputs>();

  get(name: string): StackInputs | undefined {
    return this.#stacks.get(name);
  }

  put(name: string, stack: StackInputs): void {
    if (stack.folders.reduce((sum, { inputs }) => sum + inputs.length, stack.others.length) <= mostInputs) this.#stacks.set(name, stack);
    else this.#stacks.delete(name);
  }

  forget(name: string): void {
    this.#stacks.delete(name);
  }

  /** Forgets all but these, where it holds more than so many. */
  keepOnly(names: readonly string[]): void {
    if (this.#stacks.size <= names.length) return;
    const kept = new Set(names);
    for (const name of this.#stacks.keys()) if (!kept.has(name)) this.#stacks.delete(name);
  }
}
