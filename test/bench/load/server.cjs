/* A server that closes properly: from SIGTERM on it tells each client that the connection ends, and goes when they have had time to ask once more. */
const { createServer } = require('node:http');
let ending = false;
const server = createServer((_, answer) => {
  if (ending) answer.setHeader('connection', 'close');
  answer.end(process.env.HOSTNAME);
});
server.keepAliveTimeout = 600_000;
server.listen(80);
process.on('SIGTERM', () => {
  ending = true;
  setTimeout(() => process.exit(0), 2500);
});
