// A push service on Node's own http2 that misbehaves as it is told. Not ours: framing, HPACK and flow control are Node's.
//
// node apns.js KEY CERTIFICATE CLIENT_CA; prints its port. Then one JSON object a line on stdin, one answer a line on stdout:
//   {"set": {...}}       how the next connections and requests are treated, see `rules`
//   {"settings": {...}}  sends SETTINGS on every open connection
//   {"stats": true}      what has come
// A token's first four digits choose its answer; a fifth digit 1 means: only the first time.
"use strict";
const fs = require("fs");
const http2 = require("http2");
const readline = require("readline");

const [key, cert, ca] = process.argv.slice(2).map((path) => fs.readFileSync(path));
const { NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants;

let rules = {};
const fresh = () => ({ requests: 0, connections: 0, certificates: 0, tokens: new Map(), headers: null, bodies: new Set(), mostStreams: 0, starts: [] });
let seen = fresh();
const sessions = new Set();

const ANSWERS = {
  4000: [400, { reason: "BadDeviceToken" }],
  4001: [400, { reason: "DeviceTokenNotForTopic" }],
  4002: [400, { reason: "SomethingNew" }],
  4030: [403, { reason: "BadCertificate" }],
  4100: [410, { reason: "Unregistered", timestamp: 1730000000000 }],
  4290: [429, { reason: "TooManyRequests" }],
  5000: [500, { reason: "InternalServerError" }],
  5030: [503, { reason: "ServiceUnavailable" }],
};

const options = { key, cert, ca, requestCert: true, rejectUnauthorized: false, settings: {}, maxSessionInvalidFrames: 100000 };
const server = http2.createSecureServer(options);

const sockets = new Map(); // Node lets nobody touch a session's socket: the bare one is kept by its port
server.on("connection", (socket) => {
  const port = socket.remotePort;
  sockets.set(port, socket);
  socket.on("close", () => sockets.delete(port));
});
const cut = (session) => { const socket = sockets.get(session.port); if (socket) socket.destroy(); };

server.on("session", (session) => {
  session.port = session.socket.remotePort;
  sessions.add(session);
  session.nth = 0;
  session.open = 0;
  session.last = Infinity;
  seen.connections += 1;
  seen.starts.push(Date.now());
  if (session.socket.getPeerCertificate && Object.keys(session.socket.getPeerCertificate() || {}).length) seen.certificates += 1;
  if (rules.settings) session.settings(rules.settings);
  if (rules.refuseConnections) cut(session);
  session.on("close", () => sessions.delete(session));
  session.on("error", () => {});
});
server.on("sessionError", () => {});
server.on("tlsClientError", () => {});

server.on("stream", (stream, headers) => {
  const session = stream.session;
  stream.on("error", () => {});
  if (!session || session.destroyed) return;
  if (stream.id > session.last) return; // above GOAWAY's last identifier: not processed
  session.nth += 1;
  session.open += 1;
  stream.on("close", () => { session.open -= 1; });
  seen.mostStreams = Math.max(seen.mostStreams, session.open);
  seen.requests += 1;
  const token = headers[":path"].slice("/3/device/".length);
  const times = (seen.tokens.get(token) || 0) + 1;
  seen.tokens.set(token, times);
  seen.headers = seen.headers || { ...headers };
  let rule = rules.all || token.slice(0, 4);
  if (token[4] === "1" && times > 1) rule = "";
  if (rules.cutAfter && session.nth === rules.cutAfter) { cut(session); return; }
  if (rules.goawayAfter && session.nth === rules.goawayAfter) {
    session.last = stream.id;
    session.goaway(rules.goawayCode || NGHTTP2_NO_ERROR, stream.id, Buffer.from(JSON.stringify({ reason: rules.goawayReason || "Shutdown" })));
    setTimeout(() => cut(session), 300);
  }
  const body = [];
  stream.on("data", (chunk) => body.push(chunk));
  stream.on("end", () => {
    seen.bodies.add(Buffer.concat(body).toString());
    const act = () => answer(stream, headers, rule);
    if (rules.delay) setTimeout(act, rules.delay); else act();
  });
});

function answer(stream, headers, rule) {
  if (stream.destroyed || stream.closed) return;
  if (rule === "0511") return; // silence
  if (rule === "7570") { stream.close(NGHTTP2_REFUSED_STREAM); return; }
  if (rule === "7571") { stream.close(NGHTTP2_INTERNAL_ERROR); return; }
  const head = { ":status": 200, "apns-id": headers["apns-id"] || "0E8F4C0A-6E0C-4A2C-9E0A-000000000001" };
  const known = ANSWERS[rule];
  if (!known) { stream.respond(head, { endStream: true }); return; }
  head[":status"] = known[0];
  if (rules.retryAfter) head["retry-after"] = rules.retryAfter;
  if (rules.early) stream.additionalHeaders({ ":status": 103 });
  stream.respond(head, { waitForTrailers: Boolean(rules.trailers) });
  if (rules.trailers) stream.on("wantTrailers", () => stream.sendTrailers({ "x-checked": "1" }));
  stream.end(JSON.stringify(known[1]));
}

const commands = {
  set(value) { rules = value; seen = fresh(); return {}; },
  settings(value) { for (const session of sessions) session.settings(value); return {}; },
  stats() {
    const repeated = [...seen.tokens.values()].filter((times) => times > 1).length;
    return { ...seen, tokens: seen.tokens.size, repeated, bodies: [...seen.bodies] };
  },
};
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const [[name, value]] = Object.entries(JSON.parse(line));
  process.stdout.write(JSON.stringify(commands[name](value)) + "\n");
}).on("close", () => process.exit(0));
server.listen(0, "127.0.0.1", () => process.stdout.write(JSON.stringify({ port: server.address().port }) + "\n"));
