import { connect, type Socket } from 'node:net';

/**
 * A hostile crowd in a process of its own, on loopback only: slow sockets that send a request a byte at a time, and garbage at a
 * fixed rate. Prints what it did once a second, as a line of JSON; ends with the benchmark.
 */

const port = Number(process.env.TARGET_PORT);
const slowSockets = Number(process.env.SLOW_SOCKETS);
const garbagePerSecond = Number(process.env.GARBAGE_PER_SECOND);
const garbageSockets = 40;
const tickMs = 10;
/** A target that does not keep up is not asked to buffer for it. */
const maxBufferedBytes = 64 * 1024;

const done = { sent: 0, answered: 0, heldBack: 0, slow: 0 };

const token = 'f'.repeat(40);
const kinds = [
  'GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n',
  'GET /v1/orders/x HTTP/1.1\r\nhost: x\r\nauthorization: Bearer nonsense\r\n\r\n',
  'POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}',
  `POST /callbacks/lipia/${token} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}`,
  `POST /callbacks/nobody/${token} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}`,
];

/** Half of them stop in their headers, half in the body of a callback under a token that is right. */
function openSlow(nth: number): void {
  const socket = connect(port, '127.0.0.1');
  const head =
    nth % 2 === 0
      ? 'GET / HTTP/1.1\r\nhost: x\r\nx-slow: '
      : `POST /callbacks/lipia/${process.env.CALLBACK_TOKEN} HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n`;
  socket.on('connect', () => {
    done.slow += 1;
    socket.write(head);
  });
  const drip = setInterval(() => void (socket.writable && socket.write('x')), 1_000);
  socket.on('error', () => {}).resume();
  socket.on('close', () => {
    clearInterval(drip);
    setTimeout(() => openSlow(nth), 200);
  });
}

const flooding: Socket[] = [];

function openFlood(nth: number): void {
  const socket = connect(port, '127.0.0.1');
  flooding[nth] = socket;
  socket
    .on('error', () => {})
    .on('data', (bytes) => {
      done.answered += bytes.toString('latin1').split('HTTP/1.1 ').length - 1;
    });
  socket.on('close', () => setTimeout(() => openFlood(nth), 50));
}

for (let nth = 0; nth < slowSockets; nth += 1) setTimeout(() => openSlow(nth), nth / 4);
for (let nth = 0; nth < garbageSockets; nth += 1) openFlood(nth);

let owed = 0;
let last = performance.now();
let turn = 0;
setInterval(() => {
  const now = performance.now();
  owed = Math.min(owed + ((now - last) * garbagePerSecond) / 1_000, garbagePerSecond);
  last = now;
  for (; owed >= 1; owed -= 1) {
    turn += 1;
    const socket = flooding[turn % garbageSockets];
    if (!socket?.writable || socket.writableLength > maxBufferedBytes) {
      done.heldBack += 1;
      continue;
    }
    socket.write(kinds[turn % kinds.length] ?? '');
    done.sent += 1;
  }
}, tickMs);

setInterval(() => console.log(JSON.stringify(done)), 1_000);
process.on('disconnect', () => process.exit(0));
