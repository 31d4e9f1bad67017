/** The two streams of a command, so that tests can read what was said. */

export interface Terminal {
  out(line: string): void;
  error(line: string): void;
  /** Text without a line end added. */
  raw(text: string | Uint8Array, stream: 'stdout' | 'stderr'): void;
  /** Bars and carets make sense. */
  interactive: boolean;
}

export const processTerminal: Terminal = {
  out: (line) => void process.stdout.write(`${line}\n`),
  error: (line) => void process.stderr.write(`${line}\n`),
  raw: (text, stream) => void process[stream].write(text),
  // A terminal without a width, such as one that a script makes, cannot show bars.
  interactive: process.stdout.isTTY === true && process.stdout.columns > 0,
};
