/** How much the templates of one object may do together: whoever writes them does not wait for them, a manager or a node does. */
import { TemplateError } from './error.ts';

const mostSteps = 20_000;
const mostCharacters = 4 * 1024 * 1024;

export class TemplateBudget {
  #steps = mostSteps;
  #characters = mostCharacters;

  /** Actions, rounds of a range, entries that are sorted, variables that are taken along. Throws TemplateError when there were too many. */
  take(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw new TemplateError(`template: more than ${mostSteps} steps`);
  }

  /** Of all that is handed to a function, given back by it or put out. */
  handle(value: unknown): void {
    if (typeof value === 'string') {
      this.#characters -= value.length;
      if (this.#characters < 0) throw new TemplateError(`template: handles more than ${mostCharacters} characters`);
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value)) {
        this.take(1);
        this.handle(key);
        this.handle(item);
      }
    }
  }
}
