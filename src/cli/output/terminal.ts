/** The two streams of a command, so that tests can read what was said. Here, and nowhere else, control characters in foreign texts are escaped. */
import { printable, printableOutput } from '#base/text/printable';

export interface Terminal {
  out(line: string): void;
  error(line: string): void;
  /** Text without a line end added: a document or a program's output, which goes into files and pipes as it is. */
  raw(text: string | Uint8Array, stream: 'stdout' | 'stderr'): void;
  /** Bars and carets make sense. */
  interactive: boolean;
}

export const processTerminal: Terminal = {
  out: (line) => void process.stdout.write(`${printable(line)}\n`),
  error: (line) => void process.stderr.write(`${printable(line)}\n`),
  raw: (text, stream) => void process[stream].write(typeof text === 'string' && process[stream].isTTY ? printableOutput(text) : text),
  // A terminal without a width, such as one that a script makes, cannot show bars.
  interactive: process.stdout.isTTY === true && process.stdout.columns > 0,
};
