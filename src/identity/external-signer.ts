/** Asks an authority elsewhere to sign, over HTTPS with this manager's own certificate. */
import { request } from 'node:https';
import { Refusal } from '#base/refusal';
import { wholeText } from '#base/whole';

/** PEM texts: whom to believe, and who asks. */
export interface AskerTls {
  roots: string;
  certificate: string;
  key: string;
}

const limitMs = 5000;
const answerLimitBytes = 256 * 1024;

/** What `url` answers. Refuses `unavailable` where nobody answers in time, or answers more than that. */
export function askExternal(url: string, body: string, { roots, certificate, key }: AskerTls): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new Refusal('unavailable', `the external CA at ${url} cannot be asked: ${why}`));
    };
    const options = { method: 'POST', ca: roots, cert: certificate, key, agent: false, headers: { 'Content-Type': 'application/json' } } as const;
    const asked = request(url, options, (response) => {
      void wholeText(response, answerLimitBytes).then(
        (text) => {
          if (text === undefined) return fail('it answers too much');
          clearTimeout(timer);
          resolve(text);
        },
        (error: Error) => fail(error.message),
      );
    });
    const timer = setTimeout(() => asked.destroy(new Error(`no answer within ${limitMs / 1000} seconds`)), limitMs);
    asked.on('error', (error) => fail(error.message));
    asked.end(body);
  });
}
