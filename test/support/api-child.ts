/** An API server in a process of its own, for tests that take something away from the whole process. Prints its socket's path, then what it logs. */
import { startApi } from './api-fixture.ts';

const api = await startApi({ engineSocket: process.argv[2] ?? '', tell: (line) => process.stdout.write(`${line}\n`) });
process.stdout.write(`${api.socketPath}\n`);
process.once('SIGTERM', () => void api.stop().then(() => process.exit(0)));
