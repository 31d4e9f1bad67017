/* A server that closes properly: from SIGTERM on it tells each client that the connection ends, and goes when they have all gone, or shortly before it would be killed. */
const { createServer } = require('node:http');
/* Of the ten seconds that it is given. */
const patienceMs = 9000;
const lookMs = 100;
let ending = false;
const server = createServer((_, answer) => {
  if (ending) answer.setHeader('connection', 'close');
  answer.end(process.env.HOSTNAME);
});
server.keepAliveTimeout = 600_000;
server.listen(80);
process.on('SIGTERM', () => {
  ending = true;
  setTimeout(() => process.exit(0), patienceMs);
  setInterval(() => server.getConnections((_, count) => count === 0 && process.exit(0)), lookMs);
});
