/** Starts the program that takes over from this process, with its sockets and its table. */
import { spawn } from 'node:child_process';
import { readyLine, type Legacy } from './protocol.ts';

/** A successor that does not answer by then is ended, and nothing has changed. */
const startLimitMs = 10_000;

/** Resolves when `command` answers queries on the descriptors; rejects with the reason why it does not. */
export function startSuccessor([program = '', ...args]: readonly string[], legacy: Legacy, descriptors: readonly number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args, '--take'], { detached: true, cwd: '/', stdio: ['pipe', 'pipe', 'ignore', ...descriptors] });
    const fail = (reason: string): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(reason));
    };
    const timer = setTimeout(() => fail(`it did not answer within ${startLimitMs} ms`), startLimitMs);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code, signal) => fail(`it ended with ${signal ?? code}`));
    let said = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (!said.includes(`${readyLine}\n`)) return;
      clearTimeout(timer);
      child.removeAllListeners('exit');
      child.unref();
      resolve();
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(JSON.stringify(legacy));
  });
}
