/** Asks addresses again and again, in a thread of its own, until it is told to end: then it says how often, and how often in vain. */
import { get } from 'node:http';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';

const limitMs = 2000;
const pauseMs = 50;

/** What the published port of a host answers; undefined: nothing in two seconds. @param {string} host @returns {Promise<string | undefined>} */
export function ask(host) {
  return new Promise((resolve) => {
    const call = get({ host, port: 8080, timeout: limitMs, agent: false }, (response) => {
      let text = '';
      response.on('data', (/** @type {Buffer} */ part) => (text += part.toString()));
      response.on('end', () => resolve(response.statusCode === 200 ? text.trim() : undefined));
      response.on('error', () => resolve(undefined));
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(undefined));
  });
}

if (!isMainThread) {
  const counts = { asked: 0, unanswered: 0 };
  let goes = true;
  parentPort?.once('message', () => (goes = false));
  await Promise.all(
    /** @type {string[]} */ (workerData).map(async (host) => {
      while (goes) {
        if ((await ask(host)) === undefined) counts.unanswered += 1;
        counts.asked += 1;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }),
  );
  parentPort?.postMessage(counts);
}
